import type { AssetUse, UsedAsset } from "../../api/types.ts";

/** A picture for tests. */
export function assetOf(changes: Partial<UsedAsset>): UsedAsset {
  return {
    id: "ab".repeat(32),
    name: "logo.png",
    kind: "image",
    media_type: "image/png",
    bytes: 1000,
    width: null,
    height: null,
    created_at: "2030-01-01T00:00:00.000Z",
    uses: [],
    ...changes,
  };
}

export function sceneUse(scene: string, on_air = false): AssetUse {
  return {
    stream: "main",
    scene,
    scene_name: scene,
    layer: "layer",
    layer_name: "Logo",
    on_air,
  };
}
