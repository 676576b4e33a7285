/** The state of the console's own link to the server: never the stream's. */
export type LinkState =
  /** Not asked to connect. */
  | { readonly kind: "idle" }
  | { readonly kind: "connecting" }
  /** Frames arrive. `hearsEvents` is false while the server itself hears no events. */
  | { readonly kind: "live"; readonly hearsEvents: boolean }
  /** Nothing was heard for a while. `since` is when something last was. */
  | { readonly kind: "stale"; readonly since: number }
  /** The next try is at `retryAt`. */
  | { readonly kind: "waiting"; readonly retryAt: number }
  /** The browser has no network. */
  | { readonly kind: "offline" }
  /** The server does not want this connection back. */
  | { readonly kind: "ended"; readonly because: "sign-in" | "refused"; readonly reason: string };

/** Figures about the link, for the curious. */
export interface LinkFigures {
  /** Milliseconds from a ping to its pong. */
  readonly roundTripMs: number | null;
  /** How often the connection had to be made again. */
  readonly reconnects: number;
  /** How often events were missed and asked for again. */
  readonly gaps: number;
  /** Frames that were no message of the protocol. */
  readonly unreadable: number;
  /** Tries in a row that did not lead to a connection. */
  readonly failedTries: number;
}

export const NO_FIGURES: LinkFigures = {
  roundTripMs: null,
  reconnects: 0,
  gaps: 0,
  unreadable: 0,
  failedTries: 0,
};
