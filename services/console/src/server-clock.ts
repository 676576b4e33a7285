import type { Clock } from "./clock.ts";

/**
 * The server's time, so that ages and uptimes are right on a machine whose clock is not. Learned from
 * the times of arriving events: the smallest difference seen is the clocks' difference plus the
 * fastest way here; replayed events are older and change nothing.
 */
export class ServerClock {
  private readonly clock: Clock;
  private aheadMs: number | null = null;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  observe(time: string): void {
    const ahead = this.clock.now() - Date.parse(time);
    if (Number.isNaN(ahead)) return;
    this.aheadMs = this.aheadMs === null ? ahead : Math.min(this.aheadMs, ahead);
  }

  now(): number {
    return this.clock.now() - (this.aheadMs ?? 0);
  }

  /** Milliseconds since `time`, never negative. */
  since(time: string): number {
    return Math.max(0, this.now() - Date.parse(time));
  }
}
