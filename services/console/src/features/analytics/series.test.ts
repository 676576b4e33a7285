import { expect, it } from "vitest";
import { columnsOf, extentOf, type Step } from "./series.ts";

const STEPS: Step[] = [
  ["2030-01-01T00:00:00Z", 30, 29, 31],
  ["2030-01-01T00:00:10Z", null, null, null],
  ["2030-01-01T00:00:20Z", 20, 10, 40],
];

it("keeps a gap as a gap", () => {
  const [times, means, lowest, highest] = columnsOf(STEPS);
  expect(times).toEqual([1893456000, 1893456010, 1893456020]);
  expect(means).toEqual([30, null, 20]);
  expect(lowest).toEqual([29, null, 10]);
  expect(highest).toEqual([31, null, 40]);
});

it("sums up what was measured, and says how much was not", () => {
  expect(extentOf(columnsOf(STEPS))).toEqual({ mean: 25, min: 10, max: 40, missing: 1 });
  expect(extentOf(columnsOf([]))).toBeNull();
  expect(extentOf(columnsOf([["2030-01-01T00:00:00Z", null, null, null]]))).toBeNull();
});
