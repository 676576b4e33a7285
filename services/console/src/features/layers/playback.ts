import type { Layer, PlaybackStatus, PlaylistItem } from "../../api/types.ts";

/** Which part of a file a layer plays, in milliseconds. */
export interface Part {
  readonly start: number;
  /** `null` when its end is not known. */
  readonly end: number | null;
  readonly loops: boolean;
}

/** Whether there is something to play in a layer. */
export function plays(layer: Layer): boolean {
  return layer.kind === "video" || layer.kind === "audio" || layer.kind === "playlist";
}

/** The part that a layer plays of its file. */
export function partOf(layer: Layer, status: PlaybackStatus): Part {
  const length = status.duration_ms ?? null;
  if (layer.kind === "playlist") return partOfItem(layer.source.items[status.item ?? 0], length);
  if (layer.kind !== "video" && layer.kind !== "audio")
    return { start: 0, end: length, loops: false };
  const out = layer.source.out_ms ?? null;
  const end = out === null || length === null ? (out ?? length) : Math.min(out, length);
  return { start: layer.source.in_ms ?? 0, end, loops: layer.source.loop ?? true };
}

function partOfItem(item: PlaylistItem | undefined, length: number | null): Part {
  const out = item?.out_ms ?? null;
  const end = out === null || length === null ? (out ?? length) : Math.min(out, length);
  return { start: item?.in_ms ?? 0, end, loops: false };
}

/** Where a file is at a moment, from where it was when it was told of. */
export function positionAt(status: PlaybackStatus, part: Part, now: number): number {
  if (status.state !== "playing") return status.position_ms;
  const position = status.position_ms + Math.max(0, now - Date.parse(status.at));
  if (part.end === null || position < part.end) return position;
  const length = part.end - part.start;
  if (!part.loops || length <= 0) return part.end;
  return part.start + ((position - part.start) % length);
}

/** Minutes, seconds and tenths. */
export function timeText(ms: number): string {
  const tenths = Math.floor(ms / 100);
  const seconds = String(Math.floor(tenths / 10) % 60).padStart(2, "0");
  return `${Math.floor(tenths / 600)}:${seconds}.${tenths % 10}`;
}
