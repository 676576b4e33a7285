import type { LinkState } from "@stream-manager/client";
import { formatAge } from "../../ui/format.ts";
import type { PollingState } from "./poller.ts";

/** The link in words. */
export interface LinkWords {
  readonly tone: "ok" | "warn" | "bad" | "busy";
  readonly label: string;
  /** One sentence more. */
  readonly detail: string;
  readonly canRetry: boolean;
  /** Why no command is taken now; `null` when commands are. */
  readonly blocked: string | null;
}

export function linkWords(link: LinkState, polling: PollingState, now: number): LinkWords {
  const lost = link.kind === "connecting" || link.kind === "waiting" || link.kind === "offline";
  if (lost && polling === "working") return SLOW;
  switch (link.kind) {
    case "closed":
    case "connecting":
      return {
        tone: "busy",
        label: "Connecting",
        detail: "Waiting for the server's first answer.",
        canRetry: false,
        blocked: "Not connected to the server yet.",
      };
    case "live":
      return link.hearsEvents ? LIVE : DEAF;
    case "stale":
      return {
        tone: "warn",
        label: `Stale ${formatAge(Math.max(0, now - link.since))}`,
        detail: "Nothing heard from the server; what you see may be old.",
        canRetry: true,
        blocked: "The server is not answering; what you see may be old.",
      };
    case "waiting":
      return {
        tone: "bad",
        label: `Reconnecting in ${formatAge(Math.max(0, link.retryAt - now + 999))}`,
        detail: "The connection is lost. The stream itself does not depend on it.",
        canRetry: true,
        blocked: "The connection to the server is lost.",
      };
    case "offline":
      return {
        tone: "bad",
        label: "Offline",
        detail: "This device has no network. The stream itself does not depend on it.",
        canRetry: true,
        blocked: "This device is offline.",
      };
    case "refused":
      return {
        tone: "bad",
        label: "Disconnected",
        detail: `The server ended the connection: ${link.reason}.`,
        canRetry: true,
        blocked: "The server ended the connection.",
      };
  }
}

const LIVE: LinkWords = {
  tone: "ok",
  label: "Live",
  detail: "Connected; changes arrive as they happen.",
  canRetry: false,
  blocked: null,
};

const DEAF: LinkWords = {
  tone: "warn",
  label: "No events",
  detail: "Connected, but the server hears no events now. What you see may be old.",
  canRetry: false,
  blocked: null,
};

const SLOW: LinkWords = {
  tone: "warn",
  label: "Slow updates",
  detail: "No live connection can be made; asking every 2 seconds instead.",
  canRetry: true,
  blocked: null,
};
