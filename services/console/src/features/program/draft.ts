import type { ProgramChange, ProgramFormat } from "../../api/types.ts";

/** The members of the format that take numbers, as they are typed. */
export const NUMBERS = [
  "width",
  "height",
  "framerate",
  "video_bitrate_kbps",
  "audio_bitrate_kbps",
  "keyframe_interval_ms",
] as const;

type NumberMember = (typeof NUMBERS)[number];

export type Draft = Pick<ProgramFormat, "encoder" | "preset"> & {
  readonly profile: NonNullable<ProgramFormat["profile"]>;
} & Readonly<Record<NumberMember, string>>;

/** Members that change on air without a trace. openh264 begins anew with another bitrate. */
const LIVE: Readonly<Record<Draft["encoder"], readonly string[]>> = {
  x264: ["video_bitrate_kbps", "audio_bitrate_kbps"],
  openh264: ["audio_bitrate_kbps"],
};

export const ENCODERS: Readonly<Record<Draft["encoder"], string>> = {
  x264: "x264",
  openh264: "openh264 (no GPL)",
};

export const PRESETS: Readonly<Record<Draft["preset"], string>> = {
  ultrafast: "Ultrafast: least CPU",
  superfast: "Superfast",
  veryfast: "Veryfast",
  faster: "Faster",
  fast: "Fast: about four times the CPU of superfast",
  medium: "Medium: five times, best picture",
};

export const PROFILES: Readonly<Record<Draft["profile"], string>> = {
  baseline: "Baseline: plays everywhere",
  main: "Main",
  high: "High: best picture",
};

export function draftOf(format: ProgramFormat): Draft {
  const { encoder, preset, profile = "high" } = format;
  const numbers = NUMBERS.map((member) => [member, String(format[member])] as const);
  return {
    ...(Object.fromEntries(numbers) as Record<NumberMember, string>),
    encoder,
    preset,
    profile,
  };
}

/** What openh264 cannot make is not offered. */
export function withEncoder(draft: Draft, encoder: Draft["encoder"]): Draft {
  return { ...draft, encoder, profile: encoder === "openh264" ? "baseline" : draft.profile };
}

/** What is to be another than in `seen`; `null` when nothing is. Numbers that are none are sent as 0. */
export function changeOf(seen: Draft, draft: Draft): ProgramChange | null {
  const numbers = NUMBERS.filter((member) => seen[member] !== draft[member]);
  const change: ProgramChange = Object.fromEntries(
    numbers.map((member) => [member, whole(draft[member])]),
  );
  if (seen.encoder !== draft.encoder) change.encoder = draft.encoder;
  if (seen.preset !== draft.preset) change.preset = draft.preset;
  if (seen.profile !== draft.profile) change.profile = draft.profile;
  return Object.keys(change).length > 0 ? change : null;
}

/** Whether the change of what was `seen` interrupts something. */
export function interrupts(seen: Draft, change: ProgramChange | null): boolean {
  const live = LIVE[seen.encoder];
  return change !== null && Object.keys(change).some((member) => !live.includes(member));
}

function whole(text: string): number {
  const number = Number(text);
  return Number.isSafeInteger(number) && number >= 0 ? number : 0;
}
