/** Time and timers as an argument, so that rules about time can be tested at any moment. */
export interface Clock {
  /** Milliseconds since 1970. Goes on while the machine sleeps. */
  now(): number;
  /** Runs `task` once after `delayMs`; the result cancels it. */
  after(delayMs: number, task: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, task) {
    const timer = setTimeout(task, delayMs);
    return () => clearTimeout(timer);
  },
};
