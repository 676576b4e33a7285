import { expect, it } from "vitest";
import { emptyDraft, localTime, newSchedule } from "./draft.ts";

const NOW = new Date(2030, 0, 1, 12, 0, 30).getTime();
const DRAFT = emptyDraft(NOW);

it("begins with a take in five minutes, on the minute", () => {
  expect(DRAFT.at).toBe("2030-01-01T12:06:00");
  expect(newSchedule(DRAFT, "shown")).toEqual({
    name: "Take a scene",
    grace_s: 60,
    trigger: { kind: "at", at: new Date(2030, 0, 1, 12, 6).toISOString() },
    command: { action: "take", transition: "fade" },
  });
});

it("sends each deed with what it needs and nothing else", () => {
  const sent = (changes: Partial<typeof DRAFT>) => {
    const {
      trigger: _,
      grace_s: __,
      ...deed
    } = newSchedule({ ...DRAFT, name: " x ", ...changes }, "shown");
    return deed;
  };
  expect(sent({ taken: "news", transition: "cut" })).toEqual({
    name: "x",
    command: { action: "take", scene: "news", transition: "cut" },
  });
  expect(sent({ deed: "record-start", taken: "news" })).toEqual({
    name: "x",
    command: { action: "record-start" },
  });
  expect(sent({ deed: "hide", layer: "logo" })).toEqual({
    name: "x",
    scene: "shown",
    operations: [{ op: "update", id: "logo", patch: { visible: false } }],
  });
});

it("sends each moment with what it needs", () => {
  const trigger = (changes: Partial<typeof DRAFT>) =>
    newSchedule({ ...DRAFT, ...changes }, null).trigger;
  expect(trigger({ moment: "after-take", after: "news", delayS: 1.5 })).toEqual({
    kind: "after-take",
    scene: "news",
    delay_ms: 1500,
  });
  expect(trigger({ moment: "at-end", ending: "clip" })).toEqual({
    kind: "at-end",
    layer: "clip",
    delay_ms: 0,
  });
  expect(trigger({ at: "" })).toEqual({ kind: "at", at: "" });
  expect(localTime(NOW)).toBe("2030-01-01T12:00:30");
});
