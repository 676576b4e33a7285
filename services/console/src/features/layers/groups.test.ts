import { expect, test } from "vitest";
import type { Group, Layer } from "../../api/types.ts";
import { dropped, nudged, rowsOf, whyNoGroup } from "./groups.ts";
import { group, textLayer } from "./samples.ts";

const PAIR: Group = group("g");

function layer(id: string, of?: string): Layer {
  const layer = { ...textLayer(id), name: id };
  return of ? { ...layer, group: of } : layer;
}

/** Front first: a, the group of b and c, d. */
const LAYERS = [layer("a"), layer("b", "g"), layer("c", "g"), layer("d")];
const OPEN = rowsOf(LAYERS, [PAIR], new Set());
const FOLDED = rowsOf(LAYERS, [PAIR], new Set(["g"]));

test("a group is a line above its layers, which hide where it is folded", () => {
  const keys = (rows: typeof OPEN) =>
    rows.map((row) => (row.kind === "group" ? row.group.id : row.layer.id));
  expect(keys(OPEN)).toEqual(["a", "g", "b", "c", "d"]);
  expect(keys(FOLDED)).toEqual(["a", "g", "d"]);
  expect(keys(rowsOf([layer("x", "gone")], [], new Set()))).toEqual(["x"]);
});

test("a group is dropped with its layers", () => {
  expect(dropped(OPEN, "g", 0)).toEqual(["b", "c", "a", "d"]);
  expect(dropped(FOLDED, "g", 2)).toEqual(["a", "d", "b", "c"]);
  expect(dropped(FOLDED, "d", 1)).toEqual(["a", "d", "b", "c"]);
});

test("nothing is dropped between the layers of a group, and they stay in it", () => {
  // Between b and c: four lines are left, a, g, b and c.
  expect(dropped(OPEN, "d", 3)).toEqual(["a", "b", "c", "d"]);
  expect(dropped(OPEN, "a", 2)).toEqual(["b", "c", "a", "d"]);
  expect(dropped(OPEN, "c", 0)).toEqual(["a", "c", "b", "d"]);
  expect(dropped(OPEN, "b", 4)).toEqual(["a", "c", "b", "d"]);
});

test("a line passes a group as a whole, and the end of its own not at all", () => {
  expect(nudged(OPEN, "d", "front")).toEqual(["a", "d", "b", "c"]);
  expect(nudged(OPEN, "a", "back")).toEqual(["b", "c", "a", "d"]);
  expect(nudged(OPEN, "g", "front")).toEqual(["b", "c", "a", "d"]);
  expect(nudged(OPEN, "g", "back")).toEqual(["a", "d", "b", "c"]);
  expect(nudged(OPEN, "b", "back")).toEqual(["a", "c", "b", "d"]);
  expect(nudged(OPEN, "b", "front")).toBeNull();
  expect(nudged(OPEN, "a", "front")).toBeNull();
});

test("only neighbours in no group become one", () => {
  expect(whyNoGroup(LAYERS, new Set())).toContain("Select");
  expect(whyNoGroup(LAYERS, new Set(["a", "b"]))).toContain("in a group");
  expect(whyNoGroup(LAYERS, new Set(["a", "d"]))).toContain("next to each other");
  expect(whyNoGroup([layer("a"), layer("b")], new Set(["a", "b"]))).toBeNull();
});
