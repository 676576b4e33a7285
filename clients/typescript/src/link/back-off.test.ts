import { expect, it } from "vitest";
import { backOffMs } from "./back-off.ts";

const backOff = { firstMs: 250, capMs: 10_000 };

it.each([
  [0, 125, 250],
  [1, 250, 500],
  [5, 4_000, 8_000],
  [6, 5_000, 10_000],
  [2_000, 5_000, 10_000],
])("try %i waits from %i to %i ms", (attempt, least, most) => {
  expect(backOffMs(attempt, backOff, () => 0)).toBe(least);
  expect(backOffMs(attempt, backOff, () => 1)).toBe(most);
});
