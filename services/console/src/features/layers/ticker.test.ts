import { expect, it } from "vitest";
import { linesOf, linesPatch } from "./ticker.ts";

it("shows one text or several, one a line", () => {
  expect(linesOf({ text: "One" })).toBe("One");
  expect(linesOf({ items: ["One", "Two"] })).toBe("One\nTwo");
});

it("writes one line as the text and several as items, never both", () => {
  expect(linesPatch("One\n\n")).toEqual({ text: "One", items: null });
  expect(linesPatch(" One \n\nTwo")).toEqual({ text: null, items: ["One", "Two"] });
  expect(linesPatch("\n ")).toBeNull();
});
