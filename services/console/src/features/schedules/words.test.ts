import { expect, it } from "vitest";
import type { EndedSchedule, ScheduleSummary } from "../../api/types.ts";
import { deedOf, endOf, momentOf, type Names, triggerOf, untilOf } from "./words.ts";

const NAMES: Names = {
  scene: (id) => (id === "news" ? "News" : null),
  layer: (id) => (id === "clip" ? "Clip" : null),
};

function summary(changes: Partial<ScheduleSummary>): ScheduleSummary {
  return {
    id: "one",
    name: "One",
    scene: null,
    trigger: { kind: "at", at: "2030-01-01T12:00:00.000Z" },
    due_at: null,
    grace_s: 60,
    user_id: "u",
    user_name: "Ada",
    created_at: "2030-01-01T11:00:00.000Z",
    ...changes,
  };
}

it("says what is done", () => {
  const transition = {
    kind: "fade",
    direction: "left",
    duration_ms: 500,
    easing: "linear",
  } as const;
  const take = (scene: string | null) =>
    deedOf(summary({ command: { action: "take", scene, transition } }), NAMES);
  expect(take("news")).toBe("Take “News”");
  expect(take("gone")).toBe("Take “a scene that is gone”");
  expect(take(null)).toBe("Take the scene in preview");
  expect(deedOf(summary({ command: { action: "record-stop" } }), NAMES)).toBe("Stop recording");
  expect(deedOf(summary({ scene: "news" }), NAMES)).toBe("Change layers of “News”");
  expect(deedOf(summary({ scene: "gone" }), NAMES)).toBe("Change layers");
});

it("says when", () => {
  const after = { kind: "after-take", scene: "news", delay_ms: 1500 } as const;
  expect(triggerOf(after, NAMES)).toBe("1.5 s after “News” is on air");
  const end = { kind: "at-end", layer: "clip", delay_ms: 0 } as const;
  expect(triggerOf(end, NAMES)).toBe("at the end of “Clip”");
  const noon = new Date(2030, 0, 1, 12, 0, 5);
  expect(momentOf(noon.toISOString(), noon)).toBe("12:00:05");
  expect(momentOf(noon.toISOString(), new Date(2030, 0, 2))).toBe("01/01/2030 12:00:05");
});

it("counts down", () => {
  const due = "2030-01-01T12:00:00.000Z";
  const before = (ms: number) => untilOf(due, Date.parse(due) - ms);
  expect(before(-1)).toBe("now");
  expect(before(500)).toBe("in 0:01");
  expect(before(125_000)).toBe("in 2:05");
  expect(before(3_725_000)).toBe("in 1:02:05");
  expect(before(180_000_000)).toBe("in 2 d 2 h");
});

it("says what became of it, and why where it was not done", () => {
  const ended = (changes: Partial<EndedSchedule>): string =>
    endOf({
      schedule: summary({}),
      outcome: "done",
      detail: null,
      scene_revision: null,
      ended_at: new Date().toISOString(),
      ...changes,
    });
  expect(ended({})).toMatch(/^Done \d\d:\d\d:\d\d$/);
  expect(ended({ outcome: "failed", detail: "there is no layer" })).toMatch(
    /^Failed .*: there is no layer$/,
  );
  expect(ended({ outcome: "cancelled", detail: "withdrawn by Ada" })).toContain("Withdrawn");
});
