import { expect, it } from "vitest";
import { ManualClock } from "../../clock.ts";
import { Announcer } from "./announcer.ts";

it("says the first at once and of those that wait only the last", async () => {
  const clock = new ManualClock();
  const announcer = new Announcer(clock);
  announcer.say("one");
  expect(announcer.current.get()).toEqual({ text: "one", urgent: false });
  announcer.say("two");
  announcer.say("three");
  expect(announcer.current.get().text).toBe("one");
  await clock.advance(5_000);
  expect(announcer.current.get().text).toBe("three");
});

it("interrupts for what is urgent", () => {
  const announcer = new Announcer(new ManualClock());
  announcer.say("one");
  announcer.interrupt("the stream has failed");
  expect(announcer.current.get()).toEqual({ text: "the stream has failed", urgent: true });
});
