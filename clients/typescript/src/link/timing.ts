import type { BackOff } from "./back-off.ts";

/** Every wait of the link, in milliseconds. */
export interface Timing {
  /** Waits between tries. */
  readonly backOff: BackOff;
  /** A try that is not welcomed within this time has failed. */
  readonly openMs: number;
  /** A connection that held this long clears the back-off. */
  readonly stableMs: number;
  /** Distance between two pings. */
  readonly pingMs: number;
  /** Nothing heard for this long: what is shown may be old. */
  readonly staleMs: number;
  /** Nothing heard for this long: the connection is given up. */
  readonly silentMs: number;
  /** The same after a pause or on another network, where the connection has probably ended. */
  readonly wakeMs: number;
}

/** Notices a lost link within ten seconds and asks the server little. */
export const DEFAULT_TIMING: Timing = {
  backOff: { firstMs: 250, capMs: 10_000 },
  openMs: 10_000,
  stableMs: 2_000,
  pingMs: 3_000,
  staleMs: 5_000,
  silentMs: 10_000,
  wakeMs: 3_000,
};
