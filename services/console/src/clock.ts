import { type Clock, systemClock } from "@stream-manager/client";

export { type Clock, systemClock };

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  private time = 1_000_000;
  private readonly timers = new Map<number, { at: number; task: () => void }>();
  private nextTimer = 0;

  now(): number {
    return this.time;
  }

  after(delayMs: number, task: () => void): () => void {
    const id = this.nextTimer++;
    this.timers.set(id, { at: this.time + delayMs, task });
    return () => this.timers.delete(id);
  }

  /** Moves on by `ms`, running what falls due, in order, and what promises resolve in between. */
  async advance(ms: number): Promise<void> {
    const end = this.time + ms;
    await settle();
    for (;;) {
      const due = [...this.timers].filter(([, timer]) => timer.at <= end);
      const first = due.sort(([a, x], [b, y]) => x.at - y.at || a - b)[0];
      if (!first) break;
      const [id, timer] = first;
      this.timers.delete(id);
      this.time = Math.max(this.time, timer.at);
      timer.task();
      await settle();
    }
    this.time = end;
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}
