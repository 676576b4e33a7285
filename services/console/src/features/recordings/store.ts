import { type Api, outcomeOf } from "../../api/client.ts";
import type { Failure } from "../../api/problem.ts";
import type { Recording } from "../../api/types.ts";
import { appUrl } from "../../base-url.ts";
import { Observable } from "../../observable.ts";

/** The recordings on the engine's disk. */
export class RecordingStore {
  /** The newest first; `null` before they are known. */
  readonly recordings = new Observable<readonly Recording[] | null>(null);
  /** Why they could not be fetched. */
  readonly failure = new Observable<Failure | null>(null);
  private readonly api: Api;
  private readonly stream: string;

  constructor(api: Api, stream: string) {
    this.api = api;
    this.stream = stream;
  }

  async load(): Promise<void> {
    const params = { path: { stream: this.stream } };
    const outcome = await outcomeOf(this.api.GET("/live/{stream}/recordings/", { params }));
    this.failure.set(outcome.ok ? null : outcome.failure);
    if (outcome.ok) this.recordings.set(outcome.data.recordings);
  }

  /** Deletes a finished recording; the result says why not. */
  async remove({ output, file }: Recording): Promise<Failure | null> {
    const params = { path: { stream: this.stream, output, file } };
    const request = this.api.DELETE("/live/{stream}/recordings/{output}/{file}", { params });
    const outcome = await outcomeOf(request);
    if (!outcome.ok && outcome.failure.status !== 404) return outcome.failure;
    const others = this.recordings
      .get()
      ?.filter((other) => keyOf(other) !== keyOf({ output, file }));
    this.recordings.set(others ?? null);
    return null;
  }

  /** Where a recording is fetched. */
  address({ output, file }: Recording): string {
    return appUrl(`live/${this.stream}/recordings/${output}/${file}`).href;
  }
}

/** Names a recording among all of a stream. */
export function keyOf({ output, file }: Pick<Recording, "output" | "file">): string {
  return `${output}/${file}`;
}

/** How long it was written to, in milliseconds. */
export function lengthOf({ started_at, modified_at }: Recording): number {
  return Math.max(0, Date.parse(modified_at) - Date.parse(started_at));
}
