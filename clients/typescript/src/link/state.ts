/** The state of the client's own link to the server, for people to see: never the stream's. */
export type LinkState =
  /** Not asked to connect. */
  | { readonly kind: "closed" }
  | { readonly kind: "connecting" }
  /** Frames arrive. `hearsEvents` is false while the server itself hears no events. */
  | { readonly kind: "live"; readonly hearsEvents: boolean }
  /** Nothing was heard for a while. `since` is when something last was, in milliseconds since 1970. */
  | { readonly kind: "stale"; readonly since: number }
  /** The next try is at `retryAt`, in milliseconds since 1970. */
  | { readonly kind: "waiting"; readonly retryAt: number }
  /** This device has no network. Tries go on all the same. */
  | { readonly kind: "offline" }
  /** The server does not want this connection back before something has changed. */
  | {
      readonly kind: "refused";
      /** `sign-in`: a new proof of who connects is what has to change. */
      readonly because: "sign-in" | "server";
      /** The close code; `null` when no connection was made. */
      readonly code: number | null;
      readonly reason: string;
    };

/** Figures about the link, for the curious. */
export interface LinkFigures {
  /** Milliseconds from a ping to its pong. */
  readonly roundTripMs: number | null;
  /** How often the connection had to be made again. */
  readonly reconnects: number;
  /** How often events were missed and asked for again. */
  readonly gaps: number;
  /** Frames that came deflated; stays 0 where the platform cannot inflate, or was told not to. */
  readonly inflated: number;
  /** Frames that were no message of the protocol. */
  readonly unreadable: number;
  /** Tries in a row that did not lead to a connection. */
  readonly failedTries: number;
}

export const NO_FIGURES: LinkFigures = {
  roundTripMs: null,
  reconnects: 0,
  gaps: 0,
  inflated: 0,
  unreadable: 0,
  failedTries: 0,
};
