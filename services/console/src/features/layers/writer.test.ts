import createClient from "openapi-fetch";
import { describe, expect, it } from "vitest";
import type { paths } from "../../api/types.gen.ts";
import type { Layer } from "../../api/types.ts";
import { ManualClock } from "../../clock.ts";
import { laidOver, type Patch } from "./patch.ts";
import { textLayer } from "./samples.ts";
import { LayerStore } from "./store.ts";
import { LayerWriter } from "./writer.ts";

/** A layer service with one layer, at the edge of `fetch`. */
class FakeServer {
  layer: Layer = textLayer();
  readonly patches: Patch[] = [];
  /** Answers instead of the service, oldest first. */
  readonly refusals: number[] = [];
  /** Somebody else's change that lands just before the next write. */
  rival: Patch | null = null;

  fetch = async (request: Request): Promise<Response> => {
    if (request.method === "GET") return this.answer(200, this.layer);
    const refusal = this.refusals.shift();
    if (refusal) return this.answer(refusal, { title: "No", code: "refused", status: refusal });
    this.rivalWrites();
    if (request.headers.get("If-Match") !== `"${this.layer.revision}"`) {
      return this.answer(412, { title: "Stale", code: "revision.stale", status: 412 });
    }
    const patch = (await request.json()) as Patch;
    this.patches.push(patch);
    this.layer = { ...laidOver(this.layer, patch), revision: this.layer.revision + 1 };
    return this.answer(200, this.layer);
  };

  private rivalWrites(): void {
    if (!this.rival) return;
    this.layer = { ...laidOver(this.layer, this.rival), revision: this.layer.revision + 1 };
    this.rival = null;
  }

  private answer(status: number, body: unknown): Response {
    return new Response(JSON.stringify(body), {
      status,
      headers: { "Content-Type": "application/json" },
    });
  }
}

function scene() {
  const server = new FakeServer();
  const clock = new ManualClock();
  const api = createClient<paths>({ baseUrl: "http://server.test", fetch: server.fetch });
  const store = new LayerStore(api, "main");
  const summary = { id: "scene-1", name: "Demo", revision: 1, updated_at: server.layer.updated_at };
  store.snapshot({ scene: summary, layers: [server.layer] });
  const writer = new LayerWriter(api, store, clock);
  const shown = () => {
    const layer = store.layer("layer-a");
    const overlay = writer.edits.get().get("layer-a")?.overlay ?? {};
    return layer && laidOver(layer, overlay);
  };
  const note = () => writer.edits.get().get("layer-a")?.note ?? null;
  const settled = (rounds = 1) =>
    new Promise<void>((resolve) => {
      // Bodies are read over the platform's own tasks, which no clock of ours moves.
      const turn = (left: number) => (left === 0 ? resolve() : setTimeout(() => turn(left - 1)));
      turn(rounds * 10);
    });
  return { server, clock, store, writer, shown, note, settled };
}

describe("writing a layer", () => {
  it("shows a change at once and sends it with the revision it was made on", async () => {
    const { server, clock, writer, shown, settled } = scene();
    writer.change("layer-a", { opacity: 0.4 });
    expect(shown()?.opacity).toBe(0.4);
    await clock.advance(0);
    await settled();
    expect(server.patches).toEqual([{ opacity: 0.4 }]);
    expect(shown()).toMatchObject({ opacity: 0.4, revision: 2 });
    expect(writer.edits.get().size).toBe(0);
  });

  it("sends ten times a second at most, and always the last value", async () => {
    const { server, clock, writer, settled } = scene();
    for (let step = 1; step <= 50; step++) {
      writer.change("layer-a", { opacity: step / 100 });
      await clock.advance(10);
      await settled();
    }
    await clock.advance(100);
    await settled();
    expect(server.patches.length).toBeLessThanOrEqual(6);
    expect(server.patches.at(-1)).toEqual({ opacity: 0.5 });
  });

  it("merges with somebody else's change of another field and says so", async () => {
    const { server, clock, writer, shown, note, settled } = scene();
    server.rival = { opacity: 0.2 };
    writer.change("layer-a", { source: { text: "mine" } });
    await clock.advance(0);
    await settled(3);
    const theirs = [{ pointer: "/opacity", before: 1, after: 0.2 }];
    expect(note()).toEqual({ kind: "merged", theirs });
    expect(shown()).toMatchObject({ opacity: 0.2, source: { text: "mine" } });
  });

  /** Meets somebody else's change of opacity and text with one of opacity, name and text. */
  const met = async () => {
    const all = scene();
    all.server.rival = { opacity: 0.2, source: { text: "theirs" } };
    all.writer.change("layer-a", { opacity: 0.7, name: "Mine", source: { text: "mine" } });
    await all.clock.advance(0);
    await all.settled(4);
    return all;
  };
  const conflict = (pointer: string, base: unknown, mine: unknown, theirs: unknown) => ({
    pointer,
    base,
    mine,
    theirs,
  });

  it("asks about the fields that somebody else changed too, and writes the others", async () => {
    const { server, shown, note } = await met();
    expect(note()).toEqual({
      kind: "conflict",
      conflicts: [
        conflict("/opacity", 1, 0.7, 0.2),
        conflict("/source/text", "Hello", "mine", "theirs"),
      ],
    });
    expect(server.patches).toEqual([{ name: "Mine" }]);
    expect(server.layer).toMatchObject({ opacity: 0.2, source: { text: "theirs" } });
    // Nobody's text disappears while it is not decided.
    expect(shown()).toMatchObject({ name: "Mine", opacity: 0.7, source: { text: "mine" } });
  });

  it("is told field by field what to keep", async () => {
    const { server, clock, writer, shown, note, settled } = await met();
    writer.settle("layer-a", ["/opacity"], "mine");
    expect(note()).toMatchObject({ conflicts: [{ pointer: "/source/text" }] });
    await clock.advance(100);
    await settled();
    expect(server.patches).toHaveLength(1);
    writer.settle("layer-a", ["/source/text"], "theirs");
    await clock.advance(100);
    await settled(2);
    expect(server.layer).toMatchObject({ opacity: 0.7, source: { text: "theirs" } });
    expect(shown()).toMatchObject({ opacity: 0.7, source: { text: "theirs" } });
    expect(note()).toBeNull();
    expect(writer.edits.get().size).toBe(0);
  });

  it("keeps what is changed before it is decided, and writes it after that", async () => {
    const { server, clock, writer, note, settled } = await met();
    writer.change("layer-a", { source: { text: "mine, longer" }, visible: false });
    await clock.advance(200);
    await settled();
    expect(server.patches).toHaveLength(1);
    expect(note()).toMatchObject({ conflicts: [{}, { mine: "mine, longer" }] });
    writer.settle("layer-a", ["/opacity", "/source/text"], "mine");
    await clock.advance(100);
    await settled(2);
    const mine = { opacity: 0.7, visible: false, source: { text: "mine, longer" } };
    expect(server.layer).toMatchObject(mine);
  });

  it("undoes a refused change here and says why", async () => {
    const { server, clock, writer, shown, note, settled } = scene();
    server.refusals.push(423);
    writer.change("layer-a", { opacity: 0.4 });
    await clock.advance(0);
    await settled();
    expect(shown()?.opacity).toBe(1);
    expect(note()).toMatchObject({ kind: "failed", failure: { status: 423 }, patch: null });
  });

  it("can try again what failed for now", async () => {
    const { server, clock, writer, note, settled } = scene();
    server.refusals.push(503);
    writer.change("layer-a", { opacity: 0.4 });
    await clock.advance(0);
    await settled();
    expect(note()).toMatchObject({ kind: "failed", patch: { opacity: 0.4 } });
    writer.retry("layer-a");
    await clock.advance(100);
    await settled();
    expect(server.layer.opacity).toBe(0.4);
    expect(note()).toBeNull();
  });
});
