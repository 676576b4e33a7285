/** A timer that came late: the process slept, the page was frozen, or the tab is in the background. */
export interface Pause {
  /** How late. */
  readonly lateMs: number;
  /** Whether the page is out of sight, where timers are allowed to come once a minute. */
  readonly hidden: boolean;
  /** How long a ping has been waiting for its answer; `null` when none is. */
  readonly unansweredMs: number | null;
  /** After this long without an answer there is nobody. */
  readonly silentMs: number;
  /** Distance between two pings of the server, which gives a silent client up after twice as long. */
  readonly heartbeatMs: number;
}

export type AfterPause =
  /** Nothing unusual. */
  | "carry-on"
  /** Silence says nothing, because nobody listened: ask, and count from now. */
  | "probe"
  /** The server has given this connection up, or nobody is there: a new one, at once. */
  | "reconnect";

/** Timers are late by this much on any busy machine. */
const LATE_MS = 1_000;

/** Browsers let timers of a hidden page come once a minute; longer than that is no throttling. */
const THROTTLED_MS = 75_000;

/** Whether a timer came so late that something paused. */
export function isLate(lateMs: number): boolean {
  return lateMs >= LATE_MS;
}

export function afterPause({
  lateMs,
  hidden,
  unansweredMs,
  silentMs,
  heartbeatMs,
}: Pause): AfterPause {
  if (!isLate(lateMs)) return "carry-on";
  if (unansweredMs !== null && unansweredMs >= silentMs) return "reconnect";
  const longest = hidden ? Math.max(THROTTLED_MS, 2 * heartbeatMs) : 2 * heartbeatMs;
  return lateMs > longest ? "reconnect" : "probe";
}
