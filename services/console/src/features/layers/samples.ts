import type { Group, Layer } from "../../api/types.ts";
import { PLAIN } from "./kinds.ts";

/** A group as the server sends it, for tests. */
export function group(id: string, revision = 1): Group {
  return {
    id,
    scene: "scene-1",
    name: "Pair",
    transform: { x: 0, y: 0, scale: 1, origin_x: 0, origin_y: 0 },
    opacity: 1,
    visible: true,
    locked: false,
    transition: { duration_ms: 0, easing: "linear" },
    revision,
    created_at: "2030-01-01T00:00:00.000Z",
    updated_at: "2030-01-01T00:00:00.000Z",
  };
}

/** A text layer as the server sends it, for tests. */
export function textLayer(id = "layer-a", revision = 1): Layer {
  return {
    id,
    stream: "main",
    scene: "scene-1",
    name: "Title",
    kind: "text",
    source: {
      text: "Hello",
      style: { ...PLAIN, size: 48 },
    },
    transform: { x: 0, y: 0, width: 640, height: 80 },
    opacity: 1,
    visible: true,
    locked: false,
    volume: 1,
    muted: false,
    revision,
    created_at: "2030-01-01T00:00:00.000Z",
    updated_at: "2030-01-01T00:00:00.000Z",
  };
}
