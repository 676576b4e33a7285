import { expect, it } from "vitest";
import { linkWords } from "./words.ts";

const NOW = 1_000_000;

it("says how long nothing was heard", () => {
  const words = linkWords({ kind: "stale", since: NOW - 4_100 }, "off", NOW);
  expect(words).toMatchObject({ label: "Stale 4 s", canRetry: true });
  expect(words.blocked).not.toBeNull();
});

it("counts down to the next try", () => {
  const words = linkWords({ kind: "waiting", retryAt: NOW + 2_400 }, "off", NOW);
  expect(words.label).toBe("Reconnecting in 3 s");
});

it("takes commands while it asks by HTTP, and says that it is slow", () => {
  const words = linkWords({ kind: "waiting", retryAt: NOW }, "working", NOW);
  expect(words).toMatchObject({ label: "Slow updates", blocked: null });
});

it("does not take commands while neither way works", () => {
  expect(linkWords({ kind: "waiting", retryAt: NOW }, "failing", NOW).blocked).not.toBeNull();
  expect(linkWords({ kind: "offline" }, "off", NOW).blocked).not.toBeNull();
});

it("shows when the server itself hears nothing", () => {
  expect(linkWords({ kind: "live", hearsEvents: false }, "off", NOW).label).toBe("No events");
});
