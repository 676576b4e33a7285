import { expect, it } from "vitest";
import type { PlaybackStatus } from "../../api/types.ts";
import { type Part, partOf, positionAt, timeText } from "./playback.ts";
import { textLayer } from "./samples.ts";

const AT = "2026-01-01T00:00:00Z";
const status = (fields: Partial<PlaybackStatus> = {}): PlaybackStatus => ({
  state: "playing",
  position_ms: 1_000,
  duration_ms: 9_000,
  at: AT,
  ...fields,
});
const later = (ms: number) => Date.parse(AT) + ms;

it.each<[string, Partial<PlaybackStatus>, Part, number, number]>([
  ["moves on while it plays", {}, { start: 0, end: 9_000, loops: false }, 500, 1_500],
  [
    "stands while it is paused",
    { state: "paused" },
    { start: 0, end: 9_000, loops: true },
    500,
    1_000,
  ],
  ["stays at its end", {}, { start: 0, end: 2_000, loops: false }, 5_000, 2_000],
  ["begins again where it loops", {}, { start: 500, end: 2_000, loops: true }, 1_500, 1_000],
  ["moves on where no end is known", {}, { start: 0, end: null, loops: true }, 60_000, 61_000],
  ["does not go back when clocks differ", {}, { start: 0, end: null, loops: true }, -500, 1_000],
])("%s", (_what, fields, part, ms, expected) => {
  expect(positionAt(status(fields), part, later(ms))).toBe(expected);
});

it("ends where the file does, or before", () => {
  const video = (source: object) =>
    ({ ...textLayer(), kind: "video", source: { asset: "a", ...source } }) as never;
  expect(partOf(video({}), status())).toEqual({ start: 0, end: 9_000, loops: true });
  expect(partOf(video({ in_ms: 5, out_ms: 50, loop: false }), status())).toEqual({
    start: 5,
    end: 50,
    loops: false,
  });
  expect(partOf(video({ out_ms: 99_000 }), status()).end).toBe(9_000);
});

it("writes times with minutes and tenths", () => {
  expect([0, 61_234, 599_999].map(timeText)).toEqual(["0:00.0", "1:01.2", "9:59.9"]);
});
