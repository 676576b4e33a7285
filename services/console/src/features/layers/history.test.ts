import createClient from "openapi-fetch";
import { describe, expect, it } from "vitest";
import type { paths } from "../../api/types.gen.ts";
import { ManualClock } from "../../clock.ts";
import { LayerHistory } from "./history.ts";
import { textLayer } from "./samples.ts";
import { LayerStore } from "./store.ts";

const AT = "2026-01-01T00:00:00Z";
const step = (name: string) => ({ name, at: AT });

/** What the service answers, and what it was asked. */
class FakeServer {
  readonly asked: string[] = [];
  undo: string[] = ["move Title"];
  redo: string[] = [];
  /** Answers the next step instead of making it. */
  refusal: Record<string, unknown> | null = null;

  fetch = async (request: Request): Promise<Response> => {
    const { pathname, searchParams } = new URL(request.url);
    this.asked.push(
      `${request.method} ${pathname} ${searchParams.get("on_conflict") ?? ""}`.trim(),
    );
    if (pathname === "/api/layers") {
      return answer(200, { scene: summary(2), layers: [textLayer()] });
    }
    if (pathname === "/api/layers/history") {
      return answer(200, { scene: "scene-1", entries: [], next: null, ...this.next() });
    }
    if (this.refusal) {
      const refusal = this.refusal;
      this.refusal = null;
      return answer(409, { title: "No", status: 409, ...refusal });
    }
    const [from, to] = pathname.endsWith("undo") ? [this.undo, this.redo] : [this.redo, this.undo];
    const name = from.pop() ?? "";
    to.push(name);
    return answer(200, { scene: summary(2), step: step(name), results: [], ...this.next() });
  };

  private next() {
    const [undo, redo] = [this.undo.at(-1), this.redo.at(-1)];
    return { undo: undo ? step(undo) : null, redo: redo ? step(redo) : null };
  }
}

const summary = (revision: number) => ({ id: "scene-1", name: "Demo", revision, updated_at: AT });

function answer(status: number, body: unknown): Response {
  const headers = { "Content-Type": "application/json" };
  return new Response(JSON.stringify(body), { status, headers });
}

/** Bodies are read over the platform's own tasks, which no clock of ours moves. */
const settled = () =>
  new Promise<void>((resolve) => {
    const turn = (left: number) => (left === 0 ? resolve() : setTimeout(() => turn(left - 1)));
    turn(20);
  });

async function history() {
  const server = new FakeServer();
  const clock = new ManualClock();
  const api = createClient<paths>({ baseUrl: "http://server.test", fetch: server.fetch });
  const store = new LayerStore(api, "main");
  const steps = new LayerHistory(api, store, clock, "main");
  steps.follow();
  store.snapshot({ scene: summary(1), layers: [textLayer()] });
  await clock.advance(300);
  await settled();
  return { server, clock, store, steps };
}

describe("the history of the layers", () => {
  it("names what can be taken back, and reads the names once after many changes", async () => {
    const { server, clock, store, steps } = await history();
    expect(steps.next.get()).toEqual({ undo: step("move Title"), redo: null });
    server.undo.push("hide Title");
    for (let revision = 2; revision < 12; revision++) {
      store.snapshot({ scene: summary(revision), layers: [textLayer()] });
      await clock.advance(100);
    }
    await clock.advance(300);
    await settled();
    expect(steps.next.get().undo?.name).toBe("hide Title");
    expect(server.asked.filter((asked) => asked.endsWith("history"))).toHaveLength(2);
  });

  it("takes a step back and makes it again, one at a time", async () => {
    const { server, steps } = await history();
    const first = steps.step("undo");
    await steps.step("undo");
    await first;
    expect(steps.next.get()).toEqual({ undo: null, redo: step("move Title") });
    await steps.step("redo");
    expect(steps.next.get()).toEqual({ undo: step("move Title"), redo: null });
    const made = server.asked.filter((asked) => asked.startsWith("POST"));
    expect(made).toEqual(["POST /api/layers/undo refuse", "POST /api/layers/redo refuse"]);
  });

  it("tells what others have changed, and goes on as it is told", async () => {
    const { server, steps } = await history();
    const conflicts = [{ layer: "layer-a", pointer: "/transform/x", wanted: 0, current: 7 }];
    server.refusal = { code: "layer.history.conflict", conflicts };
    await steps.step("undo");
    const note = steps.note.get();
    expect(note).toMatchObject({ direction: "undo", failure: { status: 409, conflicts } });
    await steps.step("undo", "keep");
    expect(steps.note.get()).toBeNull();
    expect(server.asked).toContain("POST /api/layers/undo keep");
  });
});
