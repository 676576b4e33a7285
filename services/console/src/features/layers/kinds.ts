import {
  Blend,
  Clock3,
  Film,
  Image as ImageIcon,
  type LucideIcon,
  MessagesSquare,
  MoveHorizontal,
  Music,
  Palette,
  RadioReceiver,
  RadioTower,
  TestTubeDiagonal,
  Timer,
  Type,
} from "lucide-react";
import type { ChatSource, LayerKind, TextStyle } from "../../api/types.ts";

/** A kind of layer, in words. */
export interface KindWords {
  readonly label: string;
  readonly icon: LucideIcon;
}

/** Every kind, in the order it is offered. */
export const KINDS: Record<LayerKind, KindWords> = {
  text: { label: "Text", icon: Type },
  color: { label: "Color", icon: Palette },
  image: { label: "Image", icon: ImageIcon },
  video: { label: "Video", icon: Film },
  audio: { label: "Sound", icon: Music },
  ticker: { label: "Ticker", icon: MoveHorizontal },
  clock: { label: "Clock", icon: Clock3 },
  countdown: { label: "Countdown", icon: Timer },
  gradient: { label: "Gradient", icon: Blend },
  chat: { label: "Chat", icon: MessagesSquare },
  network: { label: "Network", icon: RadioTower },
  ingest: { label: "Ingest", icon: RadioReceiver },
  "test-pattern": { label: "Test pattern", icon: TestTubeDiagonal },
};

export const PATTERNS = ["smpte", "ball", "bars", "checkers", "gradient", "snow"] as const;

/** How text looks unless told otherwise. */
export const PLAIN: TextStyle = {
  font: "DejaVu Sans",
  font_asset: null,
  size: 48,
  bold: false,
  italic: false,
  color: "#ffffff",
  background: null,
  background_radius: 0,
  padding: null,
  align: "left",
  vertical_align: "middle",
  wrap: "word",
  shrink: false,
  line_spacing: 100,
  letter_spacing: 0,
  outline: null,
  shadow: null,
};

/** How the chat shows unless told otherwise. */
export const PLAIN_CHAT: ChatSource = {
  max_messages: 8,
  max_age_s: null,
  fade_ms: 500,
  order: "newest-below",
  entrance: "slide",
  entrance_ms: 250,
  gap: 8,
  names: true,
  name_color: null,
  style: PLAIN,
};

const FIELD_LABELS: Record<string, string> = {
  "/name": "name",
  "/opacity": "opacity",
  "/visible": "visibility",
  "/locked": "lock",
  "/source/text": "text",
  "/source/color": "color",
  "/source/pattern": "pattern",
  "/source/format": "format",
  "/source/loop": "loop",
  "/source/in_ms": "beginning",
  "/source/out_ms": "end",
  "/source/at_end": "what follows its end",
  "/source/next": "layer to show then",
  "/source/speed": "speed",
  "/source/direction": "direction",
  "/source/angle": "angle",
  "/source/shape": "shape",
  "/source/timezone": "time zone",
  "/source/at_zero": "what it does at zero",
  "/source/url": "address",
  "/source/stream_id": "stream id",
  "/source/latency_ms": "latency",
  "/source/on_loss": "when it is lost",
  "/source/generation": "stream key",
  "/source/max_messages": "most messages",
  "/source/max_age_s": "seconds that messages stay",
  "/source/fade_ms": "fading away",
  "/source/order": "order",
  "/source/entrance": "entrance",
  "/source/entrance_ms": "length of the entrance",
  "/source/gap": "gap",
  "/source/names": "names",
  "/source/name_color": "color of names",
  "/source/items": "texts",
  "/source/separator": "text between",
  "/source/duration_s": "seconds from now",
  "/source/text_before": "text before the time",
  "/source/text_after": "text after the time",
  "/source/stops": "colors",
  "/source/style/font": "font",
  "/source/style/font_asset": "uploaded font",
  "/source/style/italic": "italic",
  "/source/style/shrink": "shrink to fit",
  "/source/style/vertical_align": "vertical alignment",
  "/source/style/wrap": "lines too wide",
  "/source/style/line_spacing": "line spacing",
  "/source/style/letter_spacing": "letter spacing",
  "/source/style/padding": "padding",
  "/source/style/outline": "outline",
  "/source/style/shadow": "shadow",
  "/source/style/background": "background",
  "/source/style/size": "font size",
  "/source/style/color": "text color",
  "/source/style/bold": "bold",
  "/source/style/align": "alignment",
  "/blend": "blend",
  "/transition/duration_ms": "transition",
  "/transition/easing": "easing",
  "/volume": "volume",
  "/muted": "mute",
  "/audio_delay_ms": "audio delay",
  "/transform/fit": "fit",
  "/transform/anchor": "anchor",
  "/transform/rotation": "rotation",
  "/transform/corner_radius": "corner radius",
  "/transform/x": "x",
  "/transform/y": "y",
  "/transform/width": "width",
  "/transform/height": "height",
};

/** A field's name for people. */
export function fieldLabel(pointer: string): string {
  return FIELD_LABELS[pointer] ?? pointer.slice(1).replaceAll("/", " ");
}
