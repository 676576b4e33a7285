import { expect, test } from "vitest";
import type { Layer } from "../../api/types.ts";
import { askable, parametersOf, slug } from "./fields.ts";

const layer = (id: string, kind: string) => ({ id, kind, name: id.toUpperCase() }) as Layer;

test("texts, colours and files can be asked for", () => {
  const fields = askable([layer("a", "text"), layer("b", "color"), layer("c", "chat")]);
  expect(fields.map(({ title }) => title)).toEqual([
    "A: text",
    "A: colour of the text",
    "B: colour",
  ]);
  expect(parametersOf(fields.slice(1))).toEqual([
    { name: "p1", title: "A: colour of the text", layer: "a", pointer: "/source/style/color" },
    { name: "p2", title: "B: colour", layer: "b", pointer: "/source/color" },
  ]);
});

test("a name for addresses is made of letters and digits", () => {
  expect(slug(" Été — Sponsor 2! ")).toBe("ete-sponsor-2");
  expect(slug("…")).toBe("");
  expect(slug("a".repeat(80))).toHaveLength(63);
});
