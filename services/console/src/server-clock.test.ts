import { expect, it } from "vitest";
import { ManualClock } from "./clock.ts";
import { ServerClock } from "./server-clock.ts";

const text = (ms: number) => new Date(ms).toISOString();

it("learns how far this clock is ahead, and is not misled by replayed events", async () => {
  const clock = new ManualClock();
  const server = new ServerClock(clock);
  const aheadMs = 60_000;
  server.observe(text(clock.now() - aheadMs - 20));
  server.observe(text(clock.now() - aheadMs - 500_000));
  server.observe("garbage");
  expect(server.now()).toBe(clock.now() - aheadMs - 20);
  expect(server.since(text(server.now() - 5_000))).toBe(5_000);
  expect(server.since(text(server.now() + 5_000))).toBe(0);
});
