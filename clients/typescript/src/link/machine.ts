import { backOffMs } from "./back-off.ts";
import { afterClose, BROKEN, closeReason } from "./close-codes.ts";
import { afterPause, isLate } from "./pauses.ts";
import type { LinkState } from "./state.ts";
import type { Timing } from "./timing.ts";

/**
 * The link as a value. Everything that happens is an {@link LinkInput}; {@link step} answers with
 * the next value and with what has to be done. No clock, no socket, no timer in here.
 *
 * ```text
 *            start                welcomed
 *   closed ────────▶ opening ───────────────▶ live
 *     ▲                ▲  │ not opened          │ closed, silent
 *     │ stop           │  ▼                     ▼
 *    (any)           waiting ◀──────────── or refused, which waits for a proof or a person
 * ```
 */
export interface Link {
  readonly phase: Phase;
  /** Tries since the last connection that held: the back-off's exponent. */
  readonly attempt: number;
  /** Tries in a row without a welcome. */
  readonly failedTries: number;
  readonly reconnects: number;
  /** This device says that it has no network. */
  readonly networkIsDown: boolean;
  /** The page is out of sight. */
  readonly hidden: boolean;
}

export type Phase = Closed | Opening | Live | Waiting | Refused;

interface Closed {
  readonly at: "closed";
}

interface Opening {
  readonly at: "opening";
  readonly since: number;
}

interface Live {
  readonly at: "live";
  readonly welcomedAt: number;
  readonly heardAt: number;
  /** Silence is counted from here on, if that is later: nobody listened before. */
  readonly listeningSince: number;
  /** When the oldest ping without an answer was sent. */
  readonly pingedAt: number | null;
  readonly nextPingAt: number;
  /** When the connection is given up unless something is heard, after a pause or on another network. */
  readonly answerBy: number | null;
  readonly stale: boolean;
  readonly hearsEvents: boolean;
  readonly heartbeatMs: number;
  /** When the server asked to come back, counted from the end of the connection. */
  readonly comeBackMs: number | null;
}

interface Waiting {
  readonly at: "waiting";
  readonly retryAt: number;
  /** The server asked for this wait; nothing but a person shortens it. */
  readonly asked: boolean;
}

interface Refused {
  readonly at: "refused";
  readonly because: "sign-in" | "server";
  readonly code: number | null;
  readonly reason: string;
}

export type LinkInput =
  | { readonly type: "start" }
  | { readonly type: "stop" }
  /** A person asks for a try. */
  | { readonly type: "retry" }
  /** There is a new proof of who connects. */
  | { readonly type: "proven" }
  | { readonly type: "welcomed"; readonly heartbeatMs: number }
  /** A frame arrived, whatever it says. */
  | { readonly type: "heard" }
  | { readonly type: "pong" }
  /** Whether the server itself hears events. */
  | { readonly type: "server-hears"; readonly events: boolean }
  | { readonly type: "goodbye"; readonly comeBackMs: number }
  | { readonly type: "closed"; readonly code: number; readonly reason: string }
  /** No socket could be had. */
  | { readonly type: "not-opened"; readonly retryAfterMs: number | null }
  /** Nobody is proven, and trying again does not help. */
  | { readonly type: "not-proven"; readonly reason: string }
  | { readonly type: "network-lost" }
  | { readonly type: "network-returned" }
  | { readonly type: "hidden" }
  /** The page is looked at again, or goes on after a freeze; the timer was due `lateMs` ago. */
  | { readonly type: "shown"; readonly lateMs: number }
  /** The timer for {@link dueAt}, `lateMs` after it was due. */
  | { readonly type: "timer"; readonly lateMs: number };

export type LinkEffect =
  /** Let go of the socket and of the try, if there is one. */
  | "drop"
  /** Begin a try. */
  | "open"
  | "ping";

export interface LinkStep {
  readonly link: Link;
  readonly effects: readonly LinkEffect[];
}

/** What the rules need from outside. */
export interface LinkWorld {
  readonly now: number;
  /** 0 to 1. */
  readonly random: () => number;
  readonly timing: Timing;
}

export const CLOSED_LINK: Link = {
  phase: { at: "closed" },
  attempt: 0,
  failedTries: 0,
  reconnects: 0,
  networkIsDown: false,
  hidden: false,
};

export function step(link: Link, input: LinkInput, world: LinkWorld): LinkStep {
  const { phase } = link;
  switch (input.type) {
    case "start":
      return phase.at === "closed" ? open(link, world) : stay(link);
    case "stop":
      return {
        link: { ...link, phase: { at: "closed" }, attempt: 0, failedTries: 0 },
        effects: ["drop"],
      };
    case "retry":
      if (isStale(phase)) return openAfresh(counted(link), world);
      return isAtRest(phase) ? openAfresh(link, world) : stay(link);
    case "proven":
      return phase.at === "refused" ? openAfresh(link, world) : stay(link);
    case "welcomed":
      return phase.at === "opening" ? welcome(link, input.heartbeatMs, world) : stay(link);
    case "heard":
      return changeLive(link, { heardAt: world.now, stale: false, answerBy: null });
    case "pong":
      return changeLive(link, { pingedAt: null });
    case "server-hears":
      return changeLive(link, { hearsEvents: input.events });
    case "goodbye":
      return changeLive(link, { comeBackMs: input.comeBackMs });
    case "closed":
      return isTrying(phase) ? ended(link, input.code, input.reason, world) : stay(link);
    case "not-opened":
      return phase.at === "opening" ? lost(link, input.retryAfterMs, world) : stay(link);
    case "not-proven":
      return isTrying(phase) ? refuse(link, "sign-in", null, input.reason) : stay(link);
    case "network-lost":
      return stay({ ...link, networkIsDown: true });
    case "network-returned":
      return networkReturned({ ...link, networkIsDown: false }, world);
    case "hidden":
      return stay({ ...link, hidden: true });
    case "shown":
      return shown({ ...link, hidden: false }, input.lateMs, world);
    case "timer":
      return timer(link, input.lateMs, world);
  }
}

/** When the link wants to be woken; `null` when only the outside can change it. */
export function dueAt({ phase }: Link, timing: Timing): number | null {
  switch (phase.at) {
    case "opening":
      return phase.since + timing.openMs;
    case "live": {
      const patience = phase.stale ? timing.silentMs : timing.staleMs;
      const { nextPingAt, answerBy } = phase;
      return Math.min(nextPingAt, quietSince(phase) + patience, answerBy ?? nextPingAt);
    }
    case "waiting":
      return phase.retryAt;
    case "closed":
    case "refused":
      return null;
  }
}

/** The link as people see it. */
export function stateOf({ phase, networkIsDown }: Link): LinkState {
  switch (phase.at) {
    case "closed":
      return { kind: "closed" };
    case "opening":
      return networkIsDown ? { kind: "offline" } : { kind: "connecting" };
    case "live":
      return phase.stale
        ? { kind: "stale", since: phase.heardAt }
        : { kind: "live", hearsEvents: phase.hearsEvents };
    case "waiting":
      return networkIsDown ? { kind: "offline" } : { kind: "waiting", retryAt: phase.retryAt };
    case "refused": {
      const { because, code, reason } = phase;
      return { kind: "refused", because, code, reason };
    }
  }
}

function stay(link: Link): LinkStep {
  return { link, effects: [] };
}

function changeLive(link: Link, change: Partial<Live>): LinkStep {
  return stay(link.phase.at === "live" ? { ...link, phase: { ...link.phase, ...change } } : link);
}

function open(link: Link, { now }: LinkWorld): LinkStep {
  return { link: { ...link, phase: { at: "opening", since: now } }, effects: ["drop", "open"] };
}

/** At once, as if nothing had failed before. */
function openAfresh(link: Link, world: LinkWorld): LinkStep {
  return open({ ...link, attempt: 0 }, world);
}

function welcome(link: Link, heartbeatMs: number, { now, timing }: LinkWorld): LinkStep {
  const phase: Live = {
    at: "live",
    welcomedAt: now,
    heardAt: now,
    listeningSince: now,
    pingedAt: null,
    nextPingAt: now + timing.pingMs,
    answerBy: null,
    stale: false,
    hearsEvents: true,
    heartbeatMs,
    comeBackMs: null,
  };
  return stay({ ...link, phase, failedTries: 0 });
}

/** The connection ended with a close code. */
function ended(link: Link, code: number, reason: string, world: LinkWorld): LinkStep {
  const next = afterClose(code);
  if (next === "reconnect") {
    return lost(link, link.phase.at === "live" ? link.phase.comeBackMs : null, world);
  }
  const because = next === "sign-in" ? "sign-in" : "server";
  return refuse(counted(link), because, code, closeReason(code, reason));
}

function refuse(
  link: Link,
  because: Refused["because"],
  code: number | null,
  reason: string,
): LinkStep {
  return { link: { ...link, phase: { at: "refused", because, code, reason } }, effects: ["drop"] };
}

/** The try or the connection is over: wait as long as was asked for, else the back-off. */
function lost(link: Link, askedMs: number | null, world: LinkWorld): LinkStep {
  const { now, random, timing } = world;
  const { phase } = link;
  const held = phase.at === "live" && now - phase.welcomedAt >= timing.stableMs;
  const attempt = held ? 0 : link.attempt;
  const asked = askedMs !== null;
  const retryAt = now + (asked ? askedMs : backOffMs(attempt, timing.backOff, random));
  return {
    link: {
      ...counted(link),
      phase: { at: "waiting", retryAt, asked },
      attempt: asked ? attempt : attempt + 1,
    },
    effects: ["drop"],
  };
}

/** A connection or a try is over, which the figures show. */
function counted(link: Link): Link {
  return link.phase.at === "live"
    ? { ...link, reconnects: link.reconnects + 1 }
    : { ...link, failedTries: link.failedTries + 1 };
}

function networkReturned(link: Link, world: LinkWorld): LinkStep {
  const { phase } = link;
  if (phase.at === "waiting") return phase.asked ? stay(link) : openAfresh(link, world);
  // A try that began without a network may hang for long.
  if (phase.at === "opening") return openAfresh(link, world);
  if (isStale(phase)) return openAfresh(counted(link), world);
  // It may be another network, on which this connection leads nowhere.
  return phase.at === "live" ? probe(link, phase, world) : stay(link);
}

function shown(link: Link, lateMs: number, world: LinkWorld): LinkStep {
  const { phase } = link;
  if (phase.at === "waiting") return phase.asked ? stay(link) : openAfresh(link, world);
  return phase.at === "live" && lateMs > 0 ? watch(link, phase, lateMs, world) : stay(link);
}

function timer(link: Link, lateMs: number, world: LinkWorld): LinkStep {
  const { phase } = link;
  const due = dueAt(link, world.timing);
  if (due === null || due > world.now) return stay(link);
  switch (phase.at) {
    case "opening":
      return isLate(lateMs) ? openAfresh(link, world) : lost(link, null, world);
    case "live":
      return watch(link, phase, lateMs, world);
    case "waiting":
      return open(link, world);
    case "closed":
    case "refused":
      return stay(link);
  }
}

/** Watches the silence, and asks whether the server is there: browsers do not show its own pings. */
function watch(link: Link, live: Live, lateMs: number, world: LinkWorld): LinkStep {
  const { now, timing } = world;
  const next = afterPause({
    lateMs,
    hidden: link.hidden,
    unansweredMs: live.pingedAt === null ? null : now - live.pingedAt,
    silentMs: timing.silentMs,
    heartbeatMs: live.heartbeatMs,
  });
  if (next === "reconnect") return openAfresh(counted(link), world);
  if (next === "probe") return probe(link, { ...live, listeningSince: now }, world);
  if (live.answerBy !== null && now >= live.answerBy) return openAfresh(counted(link), world);
  const quietMs = now - quietSince(live);
  if (quietMs >= timing.silentMs) return ended(link, BROKEN, "", world);
  const watched = { ...live, stale: live.stale || quietMs >= timing.staleMs };
  return now >= live.nextPingAt ? ping(link, watched, world) : stay({ ...link, phase: watched });
}

/** Asks whether the server is there, where it probably is not. */
function probe(link: Link, live: Live, world: LinkWorld): LinkStep {
  return ping(link, { ...live, answerBy: world.now + world.timing.wakeMs }, world);
}

function ping(link: Link, live: Live, { now, timing }: LinkWorld): LinkStep {
  const phase = { ...live, pingedAt: live.pingedAt ?? now, nextPingAt: now + timing.pingMs };
  return { link: { ...link, phase }, effects: ["ping"] };
}

function quietSince({ heardAt, listeningSince }: Live): number {
  return Math.max(heardAt, listeningSince);
}

function isStale(phase: Phase): boolean {
  return phase.at === "live" && phase.stale;
}

/** Whether there is a socket, or soon will be. */
function isTrying({ at }: Phase): boolean {
  return at === "opening" || at === "live";
}

/** Whether nothing happens before somebody or a timer says so. */
function isAtRest({ at }: Phase): boolean {
  return at === "waiting" || at === "refused";
}
