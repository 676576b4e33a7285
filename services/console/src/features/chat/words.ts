import type { HoldCause, ModerationAction, ModerationEntry } from "../../api/types.ts";
import { formatUtc } from "../../ui/format.ts";

/** For how long somebody is silenced: seconds as text, or for ever. */
export const DURATIONS = {
  "60": "1 minute",
  "600": "10 minutes",
  "3600": "1 hour",
  "86400": "1 day",
  "604800": "1 week",
  forever: "For ever",
} as const;
export type DurationChoice = keyof typeof DURATIONS;

export function secondsOf(choice: DurationChoice): number | null {
  return choice === "forever" ? null : Number(choice);
}

export const CAUSES: Readonly<Record<HoldCause, string>> = {
  "banned-word": "banned word",
  link: "link",
};

const DEEDS: Readonly<Record<ModerationAction, string>> = {
  "message-deleted": "deleted a message of",
  "message-pinned": "pinned a message of",
  "message-unpinned": "unpinned a message of",
  "message-approved": "approved a message of",
  "message-rejected": "rejected a message of",
  "user-silenced": "silenced",
  "user-restored": "lifted the ban of",
  "rules-changed": "changed the rules",
};

/** What a moderator did, as a sentence without its end. */
export function deedWords({ by, action, person, until }: ModerationEntry): string {
  const whom = person ? ` ${person.name ?? person.user}` : "";
  const length = until ? ` until ${formatUtc(until)}` : " for ever";
  return `${by.name ?? by.user} ${DEEDS[action]}${whom}${action === "user-silenced" ? length : ""}`;
}

/** Lines of a text field as a list. */
export function linesOf(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}
