import { expect, test } from "vitest";
import type { ListedScene, SceneList } from "../../api/types.ts";
import { nameOf, originalOf } from "./draft-of.ts";

const main: ListedScene = {
  id: "main",
  name: "Main",
  revision: 3,
  updated_at: "2026-01-01T00:00:00Z",
  layer_count: 2,
  draft: {
    id: "draft",
    base_revision: 2,
    user_id: "ana",
    user_name: "ana",
    created_at: "2026-01-01T00:00:00Z",
  },
};
const { draft: _, ...pause } = { ...main, id: "pause", name: "Pause" };
const list: SceneList = { revision: 1, first: "main", scenes: [main, pause] };

test("a draft is called after its scene", () => {
  expect(originalOf(list, "draft")).toBe(main);
  expect(originalOf(list, "main")).toBeUndefined();
  expect(originalOf(list, null)).toBeUndefined();
  expect(nameOf(list, "draft")).toBe("Draft of Main");
  expect(nameOf(list, "pause")).toBe("Pause");
  expect(nameOf(list, "gone")).toBeNull();
  expect(nameOf(null, "main")).toBeNull();
});
