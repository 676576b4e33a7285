import { type Api, outcomeOf } from "../../api/client.ts";
import type { Failure } from "../../api/problem.ts";
import type { OutputCounters, OutputState, OutputView, StreamState } from "../../api/types.ts";
import { Observable } from "../../observable.ts";

/** What every stream has, and what `record-start` adds. */
export const HLS = "hls";
export const RECORDING = "recording";

/**
 * What is wanted of the outputs. The stream's state says how they do and when something else is
 * wanted of them; then the list is fetched.
 */
export class OutputStore {
  /** HLS first, the others in the order in which they were added; `null` before they are known. */
  readonly outputs = new Observable<readonly OutputView[] | null>(null);
  /** Why they could not be fetched. */
  readonly failure = new Observable<Failure | null>(null);
  private readonly api: Api;
  private readonly stream: string;
  private loading: Promise<void> | null = null;
  private again = false;

  constructor(api: Api, stream: string) {
    this.api = api;
    this.stream = stream;
  }

  output(id: string): OutputView | undefined {
    return this.outputs.get()?.find((output) => output.id === id);
  }

  /** Fetches the list now and whenever something else is wanted of the stream. */
  follow(state: Observable<StreamState | null>): void {
    let known: number | null = null;
    const review = () => {
      const wanted = state.get()?.wanted_revision ?? null;
      if (wanted === known) return;
      known = wanted;
      void this.load();
    };
    state.subscribe(review);
    review();
  }

  /** Fetches the list; one request at a time, and the last one begins after the last call. */
  load(): Promise<void> {
    this.again = true;
    this.loading ??= this.fetchWhileAsked();
    return this.loading;
  }

  /** Takes the answer to an own change. */
  put(output: OutputView): void {
    const outputs = this.outputs.get() ?? [];
    const isKnown = outputs.some(({ id }) => id === output.id);
    this.outputs.set(
      isKnown
        ? outputs.map((old) => (old.id === output.id ? newer(old, output) : old))
        : [...outputs, output],
    );
  }

  remove(id: string): void {
    this.outputs.set(this.outputs.get()?.filter((output) => output.id !== id) ?? null);
  }

  private async fetchWhileAsked(): Promise<void> {
    while (this.again) {
      this.again = false;
      await this.fetch();
    }
    this.loading = null;
  }

  private async fetch(): Promise<void> {
    const params = { query: { stream: this.stream } };
    const outcome = await outcomeOf(this.api.GET("/api/stream/outputs", { params }));
    this.failure.set(outcome.ok ? null : outcome.failure);
    if (!outcome.ok) return;
    const known = new Map(this.outputs.get()?.map((output) => [output.id, output]));
    this.outputs.set(
      outcome.data.outputs.map((output) => newer(known.get(output.id) ?? output, output)),
    );
  }
}

function newer(old: OutputView, output: OutputView): OutputView {
  return output.revision < old.revision ? old : output;
}

/** How an output does: what the state says, and what the list said before there was a state. */
export function observedOf(output: OutputView, state: StreamState | null): OutputState | null {
  if (!state) return output.observed ?? null;
  return state.outputs.find(({ id }) => id === output.id) ?? null;
}

/**
 * The figures, which only the list renews; `null` when they belong to another time than what is
 * observed now.
 */
export function figuresOf(output: OutputView, observed: OutputState | null): OutputCounters | null {
  const measured = output.observed;
  if (!measured || !observed) return null;
  const isSameTime = measured.status === observed.status && measured.since === observed.since;
  return isSameTime ? measured : null;
}
