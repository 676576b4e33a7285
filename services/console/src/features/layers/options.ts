import type {
  Anchor,
  AtEnd,
  AtZero,
  Blend,
  ChatEntrance,
  ChatOrder,
  Easing,
  Fit,
  GradientShape,
  IngestProtocol,
  OnLoss,
  TextAlign,
  TextWrap,
  TickerDirection,
  VerticalAlign,
} from "../../api/types.ts";

/** Values that are chosen from a list, in words and in the order they are offered. */
export const FITS: Record<Fit, string> = {
  stretch: "Stretch",
  contain: "Fit inside",
  cover: "Cover",
  none: "Own size",
};

export const AT_END: Record<AtEnd | "loop", string> = {
  loop: "Start again",
  hold: "Keep its last picture",
  hide: "Hide the layer",
  next: "Show another layer",
};

export const GRADIENT_SHAPES: Record<GradientShape, string> = {
  linear: "Along a line",
  radial: "From the middle",
};

export const ANCHORS: Record<Anchor, string> = {
  "top-left": "Top left",
  top: "Top",
  "top-right": "Top right",
  left: "Left",
  center: "Center",
  right: "Right",
  "bottom-left": "Bottom left",
  bottom: "Bottom",
  "bottom-right": "Bottom right",
};

export const BLENDS: Record<Blend, string> = {
  normal: "Normal",
  multiply: "Multiply",
  screen: "Screen",
  add: "Add",
  darken: "Darken",
  lighten: "Lighten",
};

export const EASINGS: Record<Easing, string> = {
  linear: "Even",
  "ease-in": "Slow at first",
  "ease-out": "Slow at last",
  "ease-in-out": "Slow at both ends",
};

export const ALIGNMENTS: Record<TextAlign, string> = {
  left: "Left",
  center: "Center",
  right: "Right",
};

export const VERTICAL_ALIGNMENTS: Record<VerticalAlign, string> = {
  top: "Top",
  middle: "Middle",
  bottom: "Bottom",
};

export const WRAPS: Record<TextWrap, string> = {
  word: "Go on in the next line",
  none: "Are cut off",
};

export const DIRECTIONS: Record<TickerDirection, string> = {
  left: "To the left",
  right: "To the right",
};

export const AT_ZERO: Record<AtZero, string> = {
  stop: "Stay at zero",
  hide: "Disappear",
  "count-up": "Count on",
};

export const CHAT_ORDERS: Record<ChatOrder, string> = {
  "newest-below": "Newest at the bottom",
  "newest-above": "Newest at the top",
};

export const ENTRANCES: Record<ChatEntrance, string> = {
  slide: "Slide in",
  fade: "Fade in",
  none: "At once",
};

export const INGEST_PROTOCOLS: Record<IngestProtocol, string> = {
  rtmp: "RTMP",
  srt: "SRT, for networks that lose packets",
};

export const ON_LOSS: Record<OnLoss, string> = {
  hide: "Show what is behind",
  hold: "Keep the last frame",
};
