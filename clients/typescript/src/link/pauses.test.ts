import { expect, it } from "vitest";
import { afterPause, type Pause } from "./pauses.ts";

const usual: Pause = {
  lateMs: 0,
  hidden: false,
  unansweredMs: null,
  silentMs: 6_000,
  heartbeatMs: 10_000,
};

it.each<[string, Partial<Pause>, ReturnType<typeof afterPause>]>([
  ["a timer in time", {}, "carry-on"],
  ["a busy machine", { lateMs: 999 }, "carry-on"],
  ["a busy machine, however long a ping waits", { lateMs: 999, unansweredMs: 9_000 }, "carry-on"],
  ["a short freeze", { lateMs: 5_000 }, "probe"],
  ["as long as the server waits for us", { lateMs: 20_000 }, "probe"],
  ["longer than the server waits for us", { lateMs: 20_001 }, "reconnect"],
  ["a hidden page's slow timers", { lateMs: 60_000, hidden: true }, "probe"],
  ["a sleep behind a hidden page", { lateMs: 75_001, hidden: true }, "reconnect"],
  ["a ping without an answer", { lateMs: 60_000, hidden: true, unansweredMs: 60_000 }, "reconnect"],
  ["a ping that just went", { lateMs: 2_000, unansweredMs: 5_999 }, "probe"],
])("after %s", (_, pause, next) => {
  expect(afterPause({ ...usual, ...pause })).toBe(next);
});
