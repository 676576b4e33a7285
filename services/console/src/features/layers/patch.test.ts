import { describe, expect, it } from "vitest";
import { fromLeaves, laidOver, leaves, type Patch, valueAt } from "./patch.ts";
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

it("is put together from fields as it is taken apart", () => {
  const patch: Patch = {
    opacity: 1,
    name: null,
    source: { text: "a", items: ["b"], style: { size: 4 } },
  };
  const fields = leaves(patch).map((pointer) => [pointer, valueAt(patch, pointer)] as const);
  expect(fromLeaves(fields)).toEqual(patch);
  expect(fromLeaves([])).toEqual({});
});
