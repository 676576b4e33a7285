import { act, cleanup, fireEvent, render, screen, within } from "@testing-library/react";
import createClient from "openapi-fetch";
import { afterEach, describe, expect, it } from "vitest";
import type { paths } from "../../api/types.gen.ts";
import type { OutputState, Role, StreamState } from "../../api/types.ts";
import { ManualClock } from "../../clock.ts";
import { Observable } from "../../observable.ts";
import type { Runtime } from "../../runtime.ts";
import { RuntimeContext } from "../../runtime-context.ts";
import { ServerClock } from "../../server-clock.ts";
import { OutputPanel } from "./output-panel.tsx";
import { FakeServer, hlsOutput, outputState, rtmpOutput, stateWith } from "./samples.ts";
import { OutputStore } from "./store.ts";
import { OutputWriter } from "./writer.ts";

afterEach(cleanup);

async function scene(states: readonly OutputState[], role: Role = "operator") {
  const server = new FakeServer();
  const api = createClient<paths>({ baseUrl: "http://server.test", fetch: server.fetch });
  const outputs = new OutputStore(api, "main");
  await outputs.load();
  server.requests.length = 0;
  const clock = new ManualClock();
  const state = new Observable<StreamState | null>(stateWith(states));
  const runtime = {
    outputs,
    outputWriter: new OutputWriter(api, outputs, "main"),
    state: { state },
    serverClock: new ServerClock(clock),
    session: { state: new Observable({ kind: "signed-in", identity: { role } }) },
    connection: { state: new Observable({ kind: "live", hearsEvents: true }) },
    poller: { state: new Observable("off") },
  };
  render(
    <RuntimeContext value={runtime as unknown as Runtime}>
      <OutputPanel />
    </RuntimeContext>,
  );
  const row = (name: string) =>
    within(screen.getByText(name, { selector: "span" }).closest("li") as HTMLElement);
  return { server, state, outputs, clock, row };
}

describe("the outputs", () => {
  it.each(["viewer", "moderator"] as const)("are not shown to a %s", async (role) => {
    await scene([], role);
    expect(screen.queryByRole("region")).toBeNull();
  });

  it("have HLS first, which nobody can change", async () => {
    await scene([outputState({ id: "hls", name: "HLS", kind: "hls" })]);
    const rows = screen.getAllByRole("listitem");
    expect(rows.map((row) => row.dataset.output)).toEqual(["hls", "out-a"]);
    expect(rows[0] && within(rows[0]).queryByRole("button")).toBeNull();
  });

  it("say what is wrong, how often it was tried, and when it is tried next", async () => {
    const clock = new ManualClock();
    const failing = outputState({
      status: "reconnecting",
      reconnects: 2,
      attempts: 3,
      next_attempt_at: new Date(clock.now() + 7_000).toISOString(),
      code: "output.connect.refused",
      error: "the server refused the connection",
    });
    const { row } = await scene([failing]);
    expect(row("Platform").getByText("Reconnecting")).toBeTruthy();
    const text = screen.getAllByRole("listitem")[1]?.textContent;
    expect(text).toContain("2 reconnects");
    expect(text).toContain("the server refused the connection output.connect.refused");
    expect(text).toContain("3 attempts failed; tries again in 7 s");
  });

  it("say to how much one is reduced, and why one cannot be", async () => {
    const since = "2030-01-01T00:00:00.000Z";
    const adaptive = { reduced: true, since, video_kbps: 800, code: null };
    const { state } = await scene([outputState({ adaptive })]);
    const text = () => screen.getAllByRole("listitem")[1]?.textContent;
    expect(text()).toContain("reduced to 800 kbit/s for");
    const code = "output.adaptive.too-slow";
    const failed = outputState({ adaptive: { ...adaptive, reduced: false, code } });
    act(() => state.set(stateWith([failed])));
    expect(text()).toContain(`cannot be reduced ${code}`);
  });

  it("are steered where they stand", async () => {
    const { server } = await scene([outputState()]);
    fireEvent.click(screen.getByRole("button", { name: "Stop Platform" }));
    await expect.poll(() => server.asked).toEqual(["POST /api/stream/outputs/out-a/stop"]);
  });

  it("say why a command was refused until it is dismissed", async () => {
    const { server } = await scene([outputState()]);
    server.refusals.push({ status: 409, title: "Not possible", detail: "it is stopped" });
    fireEvent.click(screen.getByRole("button", { name: "Restart Platform" }));
    await expect.poll(() => screen.queryByRole("alert")?.textContent).toContain("it is stopped");
    fireEvent.click(screen.getByRole("button", { name: "Dismiss" }));
    expect(screen.queryByRole("alert")).toBeNull();
  });

  it("are deleted when that is confirmed", async () => {
    const { server } = await scene([outputState()]);
    fireEvent.click(screen.getByRole("button", { name: "Delete Platform" }));
    const dialog = within(screen.getByRole("dialog"));
    expect(document.activeElement).toBe(dialog.getByRole("button", { name: "Keep it" }));
    fireEvent.click(dialog.getByRole("button", { name: "Delete" }));
    await expect.poll(() => screen.queryByText("Platform")).toBeNull();
    expect(server.asked).toEqual(["DELETE /api/stream/outputs/out-a"]);
    expect(screen.queryByRole("dialog")).toBeNull();
  });
});

describe("the record button", () => {
  const recording = rtmpOutput({ id: "recording", name: "Recording", kind: "file" });

  it("records while something is on air", async () => {
    const { server, state } = await scene([]);
    const button = screen.getByRole("button", { name: "Record" });
    state.set({ ...stateWith([]), status: "offline" });
    await expect.poll(() => button.getAttribute("aria-disabled")).toBe("true");
    fireEvent.click(button);
    expect(server.asked).toEqual([]);
    state.set(stateWith([]));
    await expect.poll(() => button.getAttribute("aria-disabled")).toBe("false");
    fireEvent.click(button);
    await expect.poll(() => server.bodies).toEqual([{ action: "record-start", stream: "main" }]);
  });

  it("ends a recording also off air, so that it does not begin again", async () => {
    const { server, state, outputs } = await scene([]);
    server.outputs = [hlsOutput(), recording];
    await outputs.load();
    state.set({ ...stateWith([]), status: "offline" });
    fireEvent.click(await screen.findByRole("button", { name: "Stop recording" }));
    await expect.poll(() => server.bodies).toEqual([{ action: "record-stop", stream: "main" }]);
  });
});
