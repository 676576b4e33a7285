import { type Api, outcomeOf } from "../../api/client.ts";
import type { Failure } from "../../api/problem.ts";
import type { NewOutput, OutputCommand, OutputPatch, OutputView } from "../../api/types.ts";
import { Observable } from "../../observable.ts";
import { randomKey } from "../../random-key.ts";
import { type OutputStore, RECORDING } from "./store.ts";

/** Changes outputs. What belongs to one of them is told beside it. */
export class OutputWriter {
  /** The outputs that a command is on its way to. */
  readonly busy = new Observable<ReadonlySet<string>>(new Set());
  /** Why the last command to an output was refused. */
  readonly failures = new Observable<ReadonlyMap<string, Failure>>(new Map());
  private readonly api: Api;
  private readonly store: OutputStore;
  private readonly stream: string;
  /** The last new output that was asked for: asked for again, it is not added twice. */
  private asked: { readonly body: string; readonly key: string } | null = null;

  constructor(api: Api, store: OutputStore, stream: string) {
    this.api = api;
    this.store = store;
    this.stream = stream;
  }

  /** Starts, stops or restarts an output; one command at a time. */
  async steer(id: string, action: OutputCommand): Promise<void> {
    const params = { path: { id, action }, query: { stream: this.stream } };
    await this.command(id, async () => {
      const request = this.api.POST("/api/stream/outputs/{id}/{action}", { params });
      const outcome = await outcomeOf(request);
      if (outcome.ok) this.store.put(outcome.data);
      else if (outcome.failure.status === 404) await this.store.load();
      return outcome.ok ? null : outcome.failure;
    });
  }

  /** Starts or stops the recording that every stream can have. */
  async record(on: boolean): Promise<void> {
    await this.command(RECORDING, async () => {
      const outcome = await outcomeOf(
        this.api.POST("/api/stream/control", {
          params: { header: { "Idempotency-Key": randomKey() } },
          body: { action: on ? "record-start" : "record-stop", stream: this.stream },
        }),
      );
      if (!outcome.ok) return outcome.failure;
      await this.store.load();
      return null;
    });
  }

  /** Adds an output; the result says why not. */
  async create(body: NewOutput): Promise<Failure | null> {
    const text = JSON.stringify(body);
    if (this.asked?.body !== text) this.asked = { body: text, key: randomKey() };
    const params = {
      query: { stream: this.stream },
      header: { "Idempotency-Key": this.asked.key },
    };
    const outcome = await outcomeOf(this.api.POST("/api/stream/outputs", { params, body }));
    if (!outcome.ok) return outcome.failure;
    this.asked = null;
    this.store.put(outcome.data);
    return null;
  }

  /** Changes the output as it was seen; after somebody else's change the store has the newer one. */
  async update(seen: OutputView, patch: OutputPatch): Promise<Failure | null> {
    const outcome = await outcomeOf(
      this.api.PATCH("/api/stream/outputs/{id}", { params: this.at(seen), body: patch }),
    );
    if (outcome.ok) {
      this.store.put(outcome.data);
      return null;
    }
    if (isOutdated(outcome.failure)) await this.store.load();
    return outcome.failure;
  }

  /** Takes the output away as it was seen. */
  async remove(seen: OutputView): Promise<Failure | null> {
    const outcome = await outcomeOf(
      this.api.DELETE("/api/stream/outputs/{id}", { params: this.at(seen) }),
    );
    if (outcome.ok || outcome.failure.status === 404) {
      this.store.remove(seen.id);
      return null;
    }
    if (isOutdated(outcome.failure)) await this.store.load();
    return outcome.failure;
  }

  dismiss(id: string): void {
    const failures = new Map(this.failures.get());
    failures.delete(id);
    this.failures.set(failures);
  }

  private at({ id, revision }: OutputView) {
    return {
      path: { id },
      query: { stream: this.stream },
      header: { "If-Match": `"${revision}"` },
    };
  }

  private async command(id: string, give: () => Promise<Failure | null>): Promise<void> {
    if (this.busy.get().has(id)) return;
    this.busy.set(new Set([...this.busy.get(), id]));
    this.dismiss(id);
    const failure = await give();
    if (failure) this.failures.set(new Map([...this.failures.get(), [id, failure]]));
    this.busy.set(new Set([...this.busy.get()].filter((other) => other !== id)));
  }
}

function isOutdated({ status }: Failure): boolean {
  return status === 404 || status === 412;
}
