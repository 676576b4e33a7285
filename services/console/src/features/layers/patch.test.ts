import { describe, expect, it } from "vitest";
import { conflicts, laidOver, leaves } from "./patch.ts";
import { textLayer } from "./samples.ts";

describe("laying a patch over a layer", () => {
  it("changes the named fields, at any depth, and nothing else", () => {
    const layer = textLayer();
    const changed = laidOver(layer, { opacity: 0.5, source: { text: "new" } });
    expect(changed).toMatchObject({ opacity: 0.5, name: "Title", source: { text: "new" } });
    expect(changed.source).toHaveProperty("style");
    expect(layer.opacity).toBe(1);
  });

  it("names the fields it changes", () => {
    expect(leaves({ opacity: 1, source: { text: "a", style: { size: 4 } } })).toEqual([
      "/opacity",
      "/source/text",
      "/source/style/size",
    ]);
  });
});

describe("a change that meets somebody else's", () => {
  const base = textLayer();

  it("merges when they changed other fields", () => {
    const theirs = laidOver(base, { opacity: 0.2, transform: { x: 5 } });
    expect(conflicts(base, { source: { text: "mine" }, transform: { y: 9 } }, theirs)).toEqual([]);
  });

  it("merges when both wrote the same value", () => {
    expect(conflicts(base, { opacity: 0.2 }, laidOver(base, { opacity: 0.2 }))).toEqual([]);
  });

  it("conflicts on the field that both changed, and on no other", () => {
    const theirs = laidOver(base, { source: { text: "theirs" }, opacity: 0.2 });
    expect(conflicts(base, { source: { text: "mine" }, visible: false }, theirs)).toEqual([
      { pointer: "/source/text", mine: "mine", theirs: "theirs" },
    ]);
  });
});
