import { expect, test } from "vitest";
import { moved, replaced, without } from "./playlist.ts";

const list = ["a", "b", "c"] as const;

test("an item moves, goes and is replaced, and the others keep their order", () => {
  expect(moved(list, 0, 1)).toEqual(["b", "a", "c"]);
  expect(moved(list, 2, 1)).toEqual(["a", "c", "b"]);
  expect(moved(list, 0, 2)).toEqual(["b", "c", "a"]);
  expect(moved(list, 7, 0)).toEqual(["a", "b", "c"]);
  expect(without(list, 1)).toEqual(["a", "c"]);
  expect(replaced<string>(list, 1, "x")).toEqual(["a", "x", "c"]);
});
