import createClient from "openapi-fetch";
import { describe, expect, it } from "vitest";
import type { paths } from "../../api/types.gen.ts";
import type { StreamState } from "../../api/types.ts";
import { StreamCommands } from "./commands.ts";
import { mainCommand } from "./status.ts";
import { StreamStore } from "./store.ts";

const state = (status: StreamState["status"], desired: StreamState["desired_status"]) =>
  ({ status, desired_status: desired, desired_revision: 1, errors: [] }) as unknown as StreamState;

/** Commands whose answers the test gives by hand. */
function scene() {
  const requests: Request[] = [];
  const answers: ((response: Response) => void)[] = [];
  const fetch = (request: Request) => {
    requests.push(request);
    return new Promise<Response>((resolve) => answers.push(resolve));
  };
  const api = createClient<paths>({ baseUrl: "http://server.test", fetch });
  const store = new StreamStore();
  store.snapshot(state("offline", "offline"));
  return { requests, answers, store, commands: new StreamCommands(api, store, "main") };
}

describe("a command", () => {
  it("is pending at once, and a second one is not sent", async () => {
    const { requests, commands } = scene();
    void commands.give("start");
    void commands.give("stop");
    expect(commands.pending.get()?.action).toBe("start");
    await expect.poll(() => requests.length).toBe(1);
    expect(requests[0]?.headers.get("Idempotency-Key")).toMatch(/^[0-9a-f]{32}$/);
  });

  it("is settled when the observed state moves, before the answer comes", () => {
    const { store, commands } = scene();
    void commands.give("start");
    store.snapshot(state("starting", "live"));
    expect(commands.pending.get()).toBeNull();
  });

  it("is settled and explained when it is refused", async () => {
    const { answers, commands } = scene();
    void commands.give("start");
    await expect.poll(() => answers.length).toBe(1);
    const problem = { title: "Not now", status: 409, code: "stream.action.illegal" };
    answers[0]?.(new Response(JSON.stringify(problem), { status: 409 }));
    await expect.poll(() => commands.failure.get()?.code).toBe("stream.action.illegal");
    expect(commands.pending.get()).toBeNull();
  });
});

describe("the main button", () => {
  it.each([
    ["offline", "offline", "go-live"],
    ["offline", "live", "end"],
    ["starting", "live", "end"],
    ["live", "live", "end"],
    ["paused", "paused", "end"],
    ["degraded", "live", "end"],
    ["reconnecting", "live", "end"],
    ["stopping", "offline", "none"],
    ["failed", "live", "try-again"],
    ["failed", "offline", "go-live"],
  ] as const)("of %s, wanted %s: %s", (status, desired, command) => {
    expect(mainCommand(state(status, desired))).toBe(command);
  });
});
