import type { StreamState, StreamStatus } from "../../api/types.ts";

export type Tone = "live" | "ok" | "warn" | "bad" | "calm" | "busy";

/** A status in words. */
export interface StatusWords {
  readonly label: string;
  readonly tone: Tone;
  /** One sentence for who does not know the word. */
  readonly meaning: string;
}

export const STATUS_WORDS: Record<StreamStatus, StatusWords> = {
  offline: { label: "Offline", tone: "calm", meaning: "Nothing is on air." },
  starting: { label: "Starting", tone: "busy", meaning: "On its way to air." },
  live: { label: "Live", tone: "live", meaning: "On air." },
  paused: { label: "Paused", tone: "warn", meaning: "A slate is on air; viewers stay connected." },
  degraded: { label: "Degraded", tone: "warn", meaning: "On air, with something wrong." },
  reconnecting: { label: "Reconnecting", tone: "warn", meaning: "Coming back by itself." },
  stopping: { label: "Stopping", tone: "busy", meaning: "On its way off air." },
  failed: { label: "Failed", tone: "bad", meaning: "Gave up; off air until somebody acts." },
};

/** Whether viewers get a picture. */
export function isOnAir(status: StreamStatus): boolean {
  return status === "live" || status === "paused" || status === "degraded";
}

/** Whether a picture is there, or is expected by itself. */
export function expectsPicture(status: StreamStatus): boolean {
  return isOnAir(status) || status === "starting" || status === "reconnecting";
}

export type Action = "start" | "stop" | "pause" | "resume" | "restart";

/** The command that puts the stream on air, or takes it off, in this state. */
export type MainCommand = "go-live" | "try-again" | "end" | "none";

export function mainCommand({ status, desired_status }: StreamState): MainCommand {
  switch (status) {
    case "offline":
      return desired_status === "offline" ? "go-live" : "end";
    case "failed":
      return desired_status === "offline" ? "go-live" : "try-again";
    case "starting":
    case "live":
    case "paused":
    case "degraded":
    case "reconnecting":
      return "end";
    case "stopping":
      return "none";
  }
}
