import type { Clock } from "../../clock.ts";
import { Observable } from "../../observable.ts";

/** At most one polite message in this time, so that a screen reader can finish its sentences. */
const QUIET_MS = 5_000;

export interface Announcement {
  readonly text: string;
  readonly urgent: boolean;
}

/** Tells who cannot see the page what changed: states only, never figures. */
export class Announcer {
  readonly current = new Observable<Announcement>({ text: "", urgent: false });
  private readonly clock: Clock;
  private quietUntil = 0;
  private waiting: string | null = null;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Says `text` when it is quiet; of several that wait the last is said. */
  say(text: string): void {
    const now = this.clock.now();
    if (now >= this.quietUntil && this.waiting === null) {
      this.tell({ text, urgent: false });
      return;
    }
    const first = this.waiting === null;
    this.waiting = text;
    if (first) this.clock.after(Math.max(0, this.quietUntil - now), () => this.sayWaiting());
  }

  /** Says `text` at once. */
  interrupt(text: string): void {
    this.waiting = null;
    this.tell({ text, urgent: true });
  }

  private sayWaiting(): void {
    const text = this.waiting;
    this.waiting = null;
    if (text !== null) this.tell({ text, urgent: false });
  }

  private tell(announcement: Announcement): void {
    this.quietUntil = this.clock.now() + QUIET_MS;
    this.current.set(announcement);
  }
}
