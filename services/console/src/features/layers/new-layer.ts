import type { Asset, LayerKind, LayerSource, ProgramFormat, Transform } from "../../api/types.ts";
import { PLAIN, PLAIN_CHAT } from "./kinds.ts";

/** What a new layer of a kind starts as. */
export interface NewLayerInput {
  readonly kind: LayerKind;
  readonly name: string;
  readonly text: string;
  readonly color: string;
  readonly pattern: string;
  readonly url: string;
  readonly asset: Asset | null;
}

type Canvas = Pick<ProgramFormat, "width" | "height">;

export const DEFAULT_CANVAS: Canvas = { width: 1280, height: 720 };

/** The body that creates the layer. */
export function newLayer(input: NewLayerInput, canvas: Canvas) {
  return {
    name: input.name,
    ...sourceOf(input, canvas),
    transform: placeOf(input, canvas),
    opacity: 1,
    visible: true,
    locked: false,
    volume: 1,
    muted: false,
    audio_delay_ms: 0,
    required: false,
  };
}

function sourceOf(input: NewLayerInput, canvas: Canvas): LayerSource {
  const style = { ...PLAIN, size: Math.max(4, Math.round(canvas.height / 15)) };
  switch (input.kind) {
    case "color":
      return { kind: "color", source: { color: input.color } };
    case "text":
      return { kind: "text", source: { text: input.text, style } };
    case "clock":
      return { kind: "clock", source: { format: "%H:%M:%S", style } };
    case "ticker":
      return { kind: "ticker", source: { text: input.text, speed: 120, style } };
    case "countdown": {
      const start = new Date().toISOString();
      return { kind: "countdown", source: { duration_s: 300, started_at: start, style } };
    }
    case "gradient": {
      const stops = [
        { offset: 0, color: input.color },
        { offset: 100, color: "#000000" },
      ];
      return { kind: "gradient", source: { stops, angle: 90 } };
    }
    case "test-pattern":
      return { kind: "test-pattern", source: { pattern: input.pattern as "smpte" } };
    case "network":
      return {
        kind: "network",
        source: { url: input.url.trim(), latency_ms: 500, on_loss: "hide" },
      };
    case "web": {
      const { width, height } = pageSize(canvas);
      return { kind: "web", source: { url: input.url.trim(), width, height } };
    }
    case "ingest":
      return {
        kind: "ingest",
        source: { protocol: "rtmp", latency_ms: 500, on_loss: "hide" },
      };
    case "chat": {
      const shadow = { color: "#000000c0", x: 1, y: 1, blur: 3 };
      const small = { ...style, size: Math.max(4, Math.round(canvas.height / 26)), shadow };
      return { kind: "chat", source: { ...PLAIN_CHAT, max_age_s: 60, style: small } };
    }
    case "image":
      return { kind: "image", source: { asset: input.asset?.id ?? "" } };
    case "audio":
      return { kind: "audio", source: { asset: input.asset?.id ?? "", loop: true } };
    case "playlist":
      return { kind: "playlist", source: { items: [{ asset: input.asset?.id ?? "" }] } };
    case "video":
      return { kind: "video", source: { asset: input.asset?.id ?? "", loop: true } };
  }
}

/** Text along the bottom, pictures in their own shape in the middle, the rest over everything. */
function placeOf({ kind, asset }: NewLayerInput, canvas: Canvas): Transform {
  const { width, height } = canvas;
  switch (kind) {
    case "text":
      return box(width * 0.05, height * 0.82, width * 0.9, height * 0.12);
    case "ticker":
      return box(0, height * 0.9, width, height * 0.1);
    case "clock":
    case "countdown":
      return box(width * 0.78, height * 0.04, width * 0.2, height * 0.1);
    case "chat":
      return box(width * 0.03, height * 0.35, width * 0.35, height * 0.6);
    case "image":
    case "video":
      return fitted(asset, canvas);
    case "audio":
    case "playlist":
    case "color":
    case "gradient":
    case "network":
    case "ingest":
    case "test-pattern":
    case "web":
      return box(0, 0, width, height);
  }
}

/** Pages cost least in the size of their layer. */
function pageSize({ width, height }: Canvas) {
  return { width: Math.min(width, 1920), height: Math.min(height, 1080) };
}

function fitted(asset: Asset | null, { width, height }: Canvas): Transform {
  if (!asset?.width || !asset.height) return box(0, 0, width, height);
  const scale = Math.min(1, width / asset.width, height / asset.height);
  const [w, h] = [asset.width * scale, asset.height * scale];
  return box((width - w) / 2, (height - h) / 2, w, h);
}

function box(x: number, y: number, width: number, height: number): Transform {
  return {
    x: Math.round(x),
    y: Math.round(y),
    width: Math.max(1, Math.round(width)),
    height: Math.max(1, Math.round(height)),
  };
}
