import type { NewSchedule, TransitionKind } from "../../api/types.ts";

/** What can be done, in words, in the order that is offered. */
export const DEEDS = {
  take: "Take a scene",
  start: "Start the stream",
  stop: "Stop the stream",
  "record-start": "Start recording",
  "record-stop": "Stop recording",
  show: "Show a layer",
  hide: "Hide a layer",
} as const;
export type DeedKind = keyof typeof DEEDS;

/** When it can be done. */
export const MOMENTS = {
  at: "At a time",
  "after-take": "After a take",
  "at-end": "At the end of a video or sound",
} as const;
export type MomentKind = keyof typeof MOMENTS;

/** How late it may be done, in seconds; later it is skipped. */
const GRACE_S = 60;

/** A form that is being filled in. */
export interface Draft {
  readonly name: string;
  readonly deed: DeedKind;
  /** The scene to take; empty for the one in preview. */
  readonly taken: string;
  readonly transition: TransitionKind;
  /** The layer to show or hide. */
  readonly layer: string;
  readonly moment: MomentKind;
  /** As the browser's field has it, in the person's zone. */
  readonly at: string;
  /** The scene after whose take. */
  readonly after: string;
  /** The layer at whose end. */
  readonly ending: string;
  readonly delayS: number;
}

/** A form to begin with: a take in five minutes, on the minute. */
export function emptyDraft(now: number): Draft {
  const minute = 60_000;
  return {
    name: "",
    deed: "take",
    taken: "",
    transition: "fade",
    layer: "",
    moment: "at",
    at: localTime(Math.ceil(now / minute) * minute + 5 * minute),
    after: "",
    ending: "",
    delayS: 0,
  };
}

/** `2030-01-01T12:00:00` in the person's zone, as a field for date and time has it. */
export function localTime(at: number): string {
  const date = new Date(at);
  const pad = (part: number) => String(part).padStart(2, "0");
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  return `${day}T${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}

export function changesLayer(deed: DeedKind): boolean {
  return deed === "show" || deed === "hide";
}

/** What is sent. `scene` is the one whose layers are shown. */
export function newSchedule(draft: Draft, scene: string | null): NewSchedule {
  const name = draft.name.trim() || DEEDS[draft.deed];
  const common = { name, trigger: triggerOf(draft), grace_s: GRACE_S };
  const { deed } = draft;
  if (deed === "show" || deed === "hide") {
    const patch = { visible: deed === "show" };
    const operations = [{ op: "update", id: draft.layer, patch }];
    return { ...common, ...(scene && { scene }), operations };
  }
  if (deed !== "take") return { ...common, command: { action: deed } };
  const named = draft.taken ? { scene: draft.taken } : {};
  return { ...common, command: { action: "take", ...named, transition: draft.transition } };
}

function triggerOf(draft: Draft): NewSchedule["trigger"] {
  const delay_ms = Math.round(draft.delayS * 1000);
  switch (draft.moment) {
    case "at": {
      const at = new Date(draft.at);
      // An empty field is no time; the server says so.
      return { kind: "at", at: Number.isNaN(at.getTime()) ? "" : at.toISOString() };
    }
    case "after-take":
      return { kind: "after-take", scene: draft.after, delay_ms };
    case "at-end":
      return { kind: "at-end", layer: draft.ending, delay_ms };
  }
}
