/** What the surroundings tell a link. */
export type Signal =
  | "network-lost"
  | "network-returned"
  /** The page went out of sight, where timers are slow. */
  | "hidden"
  /** The page is looked at again, or goes on after it was frozen. */
  | "shown";

/** Tells of signals until the result is called. */
export type Signals = (tell: (signal: Signal) => void) => () => void;

/** Nothing tells: a server, where a late timer says as much. */
export const noSignals: Signals = () => () => {};

/** What a browser knows: its network, and whether its page is seen, frozen or brought back. */
export const pageSignals: Signals = (tell) => {
  const ending = new AbortController();
  const on = (target: EventTarget, event: string, heard: (event: Event) => void) =>
    target.addEventListener(event, heard, { signal: ending.signal });
  on(window, "online", () => tell("network-returned"));
  on(window, "offline", () => tell("network-lost"));
  on(window, "pageshow", (event) => {
    if ((event as PageTransitionEvent).persisted) tell("shown");
  });
  on(document, "visibilitychange", () => tell(document.hidden ? "hidden" : "shown"));
  on(document, "resume", () => {
    if (!document.hidden) tell("shown");
  });
  if (document.hidden) tell("hidden");
  return () => ending.abort();
};

/** The signals of wherever this runs. */
export const surroundings: Signals = (tell) =>
  typeof document === "undefined" ? noSignals(tell) : pageSignals(tell);
