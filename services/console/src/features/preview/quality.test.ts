import { describe, expect, it } from "vitest";
import { automaticLabel, levelFor, qualitiesOf } from "./quality.ts";

const LEVELS = [
  { height: 360, bitrate: 900_000 },
  { height: 720, bitrate: 2_700_000 },
  { height: 480, bitrate: 1_300_000 },
];

describe("the qualities of the preview", () => {
  it("are listed best first, with their places among the player's levels", () => {
    const listed = qualitiesOf(LEVELS).map(({ index, height }) => [index, height]);
    expect(listed).toEqual([
      [1, 720],
      [2, 480],
      [0, 360],
    ]);
  });

  it("are no choice where there is one", () => {
    expect(qualitiesOf(LEVELS.slice(0, 1))).toEqual([]);
    expect(qualitiesOf([])).toEqual([]);
  });

  it("are chosen by their height, and by the player where that is gone", () => {
    const qualities = qualitiesOf(LEVELS);
    expect(levelFor(qualities, 480)).toBe(2);
    expect(levelFor(qualities, null)).toBe(-1);
    expect(levelFor(qualities, 1080)).toBe(-1);
  });

  it("tell what the automatic choice shows", () => {
    const qualities = qualitiesOf(LEVELS);
    expect(automaticLabel(qualities, 0)).toBe("Auto (360p)");
    expect(automaticLabel(qualities, null)).toBe("Auto");
  });
});
