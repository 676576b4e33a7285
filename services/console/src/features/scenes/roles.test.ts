import { expect, it } from "vitest";
import { rolesOf } from "./roles.ts";

const list = { revision: 1, first: "a", scenes: [] };

it("marks the scene that was chosen, and the first while nobody has", () => {
  const onAir = (id: string, wanted_scene: string | null) =>
    rolesOf(id, list, { wanted_scene }).onAir;
  expect([onAir("b", "b"), onAir("a", "b")]).toEqual([true, false]);
  expect([onAir("b", null), onAir("a", null)]).toEqual([false, true]);
  expect(rolesOf("a", list, null).onAir).toBe(true);
});

it("marks preview and slate", () => {
  const state = { wanted_scene: "a", wanted_preview: "b", slate: "b" };
  expect(rolesOf("b", list, state)).toEqual({ onAir: false, preview: true, slate: true });
});
