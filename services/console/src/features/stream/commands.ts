import { type Api, outcomeOf } from "../../api/client.ts";
import type { Failure } from "../../api/problem.ts";
import type { StreamState } from "../../api/types.ts";
import { Observable } from "../../observable.ts";
import { randomKey } from "../../random-key.ts";
import type { Action } from "./status.ts";
import type { StreamStore } from "./store.ts";

/** A command that was given and whose effect is not seen yet. */
export interface PendingCommand {
  readonly action: Action;
}

/** How long the server may take before it answers "accepted, not done yet". */
const WAIT_S = 10;

/**
 * Gives commands, one at a time. From the click until the observed state has caught up a command is
 * pending and another one is ignored, so a double click cannot start and stop.
 */
export class StreamCommands {
  readonly pending = new Observable<PendingCommand | null>(null);
  readonly failure = new Observable<Failure | null>(null);
  private readonly api: Api;
  private readonly store: StreamStore;
  private readonly stream: string;

  constructor(api: Api, store: StreamStore, stream: string) {
    this.api = api;
    this.store = store;
    this.stream = stream;
  }

  async give(action: Action): Promise<void> {
    if (this.pending.get()) return;
    const command: PendingCommand = { action };
    this.pending.set(command);
    this.failure.set(null);
    const before = this.store.state.get();
    const stopWatching = this.store.state.subscribe(() => {
      const state = this.store.state.get();
      if (state && hasMoved(before, state)) this.settle(command);
    });
    const outcome = await outcomeOf(
      this.api.POST("/api/stream/control", {
        params: { header: { "Idempotency-Key": randomKey(), Prefer: `wait=${WAIT_S}` } },
        body: { action, stream: this.stream },
      }),
    );
    stopWatching();
    if (!outcome.ok) this.failure.set(outcome.failure);
    this.settle(command);
  }

  dismissFailure(): void {
    this.failure.set(null);
  }

  private settle(command: PendingCommand): void {
    if (this.pending.get() === command) this.pending.set(null);
  }
}

/** Whether the observed state is another one than before the command. */
function hasMoved(before: StreamState | null, now: StreamState): boolean {
  return (
    before === null ||
    now.status !== before.status ||
    now.desired_revision > before.desired_revision
  );
}
