import type { LayerPerformance } from "../../api/types.ts";
import { formatLevel, formatNumber } from "../../ui/format.ts";

type Feed = NonNullable<LayerPerformance["feed"]>;

/** A frame this old was due long ago: the picture stands still. */
const OLD_FRAME_MS = 1_000;

/** What a layer delivers, in words; what is not known is left out. */
export function figuresText(layer: LayerPerformance | undefined): string {
  const { audio_rms_dbfs, frame_age_ms } = layer ?? {};
  const parts: string[] = [];
  if (audio_rms_dbfs != null) parts.push(`${formatLevel(audio_rms_dbfs)} dBFS`);
  const feed = layer?.feed;
  if (feed) parts.push(feedText(feed));
  if (frame_age_ms != null) parts.push(`frame ${ageText(frame_age_ms)} old`);
  return parts.join(" · ");
}

function feedText({ video_codec, width, height, framerate, bitrate_kbps }: Feed): string {
  const parts: string[] = [];
  if (video_codec) parts.push(video_codec.toUpperCase());
  if (width && height) parts.push(`${width}×${height}`);
  if (framerate) parts.push(`${formatNumber(framerate, 2)} fps`);
  if (bitrate_kbps != null) parts.push(`${formatNumber(bitrate_kbps)} kbit/s`);
  return parts.join(" ");
}

export function hasOldFrame(layer: LayerPerformance | undefined): boolean {
  return (layer?.frame_age_ms ?? 0) > OLD_FRAME_MS;
}

function ageText(milliseconds: number): string {
  return milliseconds > OLD_FRAME_MS
    ? `${formatNumber(milliseconds / 1_000, 1)} s`
    : `${formatNumber(milliseconds)} ms`;
}
