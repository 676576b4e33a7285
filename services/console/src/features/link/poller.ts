import type { Clock } from "../../clock.ts";
import { Observable } from "../../observable.ts";

/** How asking again and again goes. */
export type PollingState = "off" | "working" | "failing";

export const POLL_MS = 2_000;

/** Asks by HTTP, each two seconds, what the live link would tell. One question at a time. */
export class Poller {
  readonly state = new Observable<PollingState>("off");
  private readonly ask: () => Promise<boolean>;
  private readonly clock: Clock;
  private round = 0;

  constructor(ask: () => Promise<boolean>, clock: Clock) {
    this.ask = ask;
    this.clock = clock;
  }

  start(): void {
    if (this.state.get() !== "off") return;
    this.state.set("failing");
    this.round += 1;
    void this.run(this.round);
  }

  stop(): void {
    this.round += 1;
    this.state.set("off");
  }

  private async run(round: number): Promise<void> {
    const answered = await this.ask();
    if (round !== this.round) return;
    this.state.set(answered ? "working" : "failing");
    this.clock.after(POLL_MS, () => {
      if (round === this.round) void this.run(round);
    });
  }
}
