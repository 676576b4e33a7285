import { expect, it } from "vitest";
import { boundsOf, withOneMore, withoutStop, withStop } from "./gradient.ts";

const stops = [
  { offset: 0, color: "#ff0000" },
  { offset: 30, color: "#00ff00" },
  { offset: 100, color: "#0000ff" },
];

it("changes one stop and leaves the others", () => {
  expect(withStop(stops, 1, { offset: 40 }).map(({ offset }) => offset)).toEqual([0, 40, 100]);
  expect(withoutStop(stops, 1)).toEqual([stops[0], stops[2]]);
});

it("adds a stop in the widest gap, which changes nothing of the order", () => {
  expect(withOneMore(stops)[2]).toEqual({ offset: 65, color: "#00ff00" });
  const same = [stops[0], { offset: 0, color: "#ffffff" }].filter((stop) => stop !== undefined);
  expect(withOneMore(same).map(({ offset }) => offset)).toEqual([0, 0, 0]);
});

it("keeps a stop between its neighbours", () => {
  expect([0, 1, 2].map((index) => boundsOf(stops, index))).toEqual([
    [0, 30],
    [0, 100],
    [30, 100],
  ]);
});
