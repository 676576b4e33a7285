import { Film, Globe, type LucideIcon, RadioTower, Share2 } from "lucide-react";
import type { OutputKind, OutputStatus } from "../../api/types.ts";

/** A kind of output, in words. */
export interface KindWords {
  readonly label: string;
  readonly icon: LucideIcon;
  /** What it is for. */
  readonly about: string;
}

export const KINDS: Record<OutputKind, KindWords> = {
  hls: { label: "HLS", icon: Globe, about: "Part of every stream." },
  rtmp: { label: "RTMP", icon: RadioTower, about: "To a platform or a server." },
  srt: { label: "SRT", icon: Share2, about: "To a peer, or for readers." },
  file: { label: "Recording", icon: Film, about: "On the engine's disk." },
};

/** The kinds that can be added, in the order they are offered. */
export const ADDABLE = ["rtmp", "srt", "file"] as const satisfies readonly OutputKind[];

export type AddableKind = (typeof ADDABLE)[number];

/** A status, in words. */
export interface StatusWords {
  readonly label: string;
  readonly tone: "ok" | "warn" | "bad" | "calm" | "busy";
  readonly meaning: string;
}

const STATUSES: Record<OutputStatus, StatusWords> = {
  stopped: { label: "Stopped", tone: "calm", meaning: "Nothing is sent." },
  connecting: { label: "Connecting", tone: "busy", meaning: "On its way to deliver." },
  live: { label: "Live", tone: "ok", meaning: "Delivering." },
  reconnecting: { label: "Reconnecting", tone: "warn", meaning: "Trying again by itself." },
  failed: { label: "Failed", tone: "bad", meaning: "Gave up; restart or change it." },
};

/** A status of an output of this kind, in words: files have nobody to connect to. */
export function statusWords(kind: OutputKind, status: OutputStatus): StatusWords {
  const words = STATUSES[status];
  if (kind !== "file") return words;
  switch (status) {
    case "connecting":
      return { ...words, label: "Beginning", meaning: "Waiting for the first keyframe." };
    case "live":
      return { ...words, label: "Recording", meaning: "The program is written to disk." };
    case "reconnecting":
      return {
        ...words,
        label: "Waiting",
        meaning: "Nothing is written; it begins again by itself.",
      };
    case "stopped":
    case "failed":
      return words;
  }
}
