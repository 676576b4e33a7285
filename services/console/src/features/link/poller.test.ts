import { expect, it } from "vitest";
import { ManualClock } from "../../clock.ts";
import { POLL_MS, Poller } from "./poller.ts";

it("asks again and again until it is stopped, and says how it goes", async () => {
  const clock = new ManualClock();
  const answers = [true, false, true];
  let asked = 0;
  const poller = new Poller(async () => answers[asked++] ?? true, clock);
  poller.start();
  poller.start();
  await clock.advance(0);
  expect([asked, poller.state.get()]).toEqual([1, "working"]);
  await clock.advance(POLL_MS);
  expect([asked, poller.state.get()]).toEqual([2, "failing"]);
  poller.stop();
  await clock.advance(POLL_MS * 3);
  expect([asked, poller.state.get()]).toEqual([2, "off"]);
});

it("never asks twice at a time", async () => {
  const clock = new ManualClock();
  let asked = 0;
  const poller = new Poller(() => {
    asked += 1;
    return new Promise<boolean>(() => {});
  }, clock);
  poller.start();
  await clock.advance(POLL_MS * 10);
  expect(asked).toBe(1);
});
