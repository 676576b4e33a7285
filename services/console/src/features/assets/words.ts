import type { UsedAsset } from "../../api/types.ts";
import { formatBytes, formatElapsed } from "../../ui/format.ts";

/** What a file is: `640×360 · 00:04 · 1.2 MB · H.264`. */
export function figuresOf(asset: UsedAsset): string {
  const { width, height, duration_ms, frames, family, video_codec, audio_codec } = asset;
  const parts = [
    width && height ? `${width}×${height}` : null,
    duration_ms != null ? formatElapsed(duration_ms) : null,
    frames ? `${frames} frames` : null,
    formatBytes(asset.bytes).join(" "),
    family ?? null,
    video_codec ?? null,
    audio_codec ?? null,
  ];
  return parts.filter((part) => part !== null).join(" · ");
}

/** Where a file is used: `On air in Intro`, `In Intro and 2 more scenes`, `Not used`. */
export function usesOf({ uses }: UsedAsset): string {
  const onAir = uses.find(({ on_air }) => on_air);
  const first = onAir ?? uses[0];
  if (!first) return "Not used";
  const more = new Set(uses.map(({ scene }) => scene)).size - 1;
  const others = more > 0 ? ` and ${more} more ${more === 1 ? "scene" : "scenes"}` : "";
  return `${onAir ? "On air in" : "In"} ${first.scene_name}${others}`;
}
