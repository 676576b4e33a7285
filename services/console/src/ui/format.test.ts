import { expect, it } from "vitest";
import { formatAge, formatBytes, formatElapsed, formatNumber, UNKNOWN } from "./format.ts";

it("shows a dash for what is not known, and zero only for a zero", () => {
  expect(formatNumber(null)).toBe(UNKNOWN);
  expect(formatNumber(undefined, 1)).toBe(UNKNOWN);
  expect(formatNumber(Number.NaN)).toBe(UNKNOWN);
  expect(formatNumber(0)).toBe("0");
  expect(formatBytes(null)).toEqual([UNKNOWN, "MB"]);
});

it("groups thousands and keeps the digits asked for", () => {
  expect(formatNumber(12_345.67, 1)).toBe("12,345.7");
  expect(formatNumber(30, 1)).toBe("30.0");
});

it("writes elapsed time as a clock does", () => {
  expect(formatElapsed(0)).toBe("00:00");
  expect(formatElapsed(59_999)).toBe("00:59");
  expect(formatElapsed(3_723_000)).toBe("1:02:03");
});

it("writes an age in the unit that fits", () => {
  expect(formatAge(4_200)).toBe("4 s");
  expect(formatAge(185_000)).toBe("3 min");
  expect(formatAge(7_500_000)).toBe("2 h 5 min");
  expect(formatAge(3 * 86_400_000)).toBe("3 d");
});

it("writes bytes with three digits at most", () => {
  expect(formatBytes(999)).toEqual(["999", "B"]);
  expect(formatBytes(151_300_000)).toEqual(["151", "MB"]);
  expect(formatBytes(1_530_000_000)).toEqual(["1.5", "GB"]);
});
