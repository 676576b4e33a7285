import { type Api, type Outcome, outcomeOf } from "../../api/client.ts";
import type { Failure } from "../../api/problem.ts";
import { Observable } from "../../observable.ts";
import type { LayerStore, SceneView } from "./store.ts";

const REBASES_MAX = 4;

/** Writes the order of the layers: shown at once, and undone here when it is refused. */
export class OrderWriter {
  /** The order asked for, back to front, until the server has confirmed it. */
  readonly overlay = new Observable<readonly string[] | null>(null);
  readonly failure = new Observable<Failure | null>(null);
  private readonly api: Api;
  private readonly store: LayerStore;
  private readonly stream: string;
  private next: readonly string[] | null = null;
  private busy = false;

  constructor(api: Api, store: LayerStore, stream: string) {
    this.api = api;
    this.store = store;
    this.stream = stream;
  }

  /** Asks for an order; of several while one is on its way the last is sent. */
  order(ids: readonly string[]): void {
    this.failure.set(null);
    this.overlay.set(ids);
    this.next = ids;
    if (!this.busy) void this.send();
  }

  dismiss(): void {
    this.failure.set(null);
  }

  private async send(): Promise<void> {
    this.busy = true;
    while (this.next) {
      const ids = this.next;
      this.next = null;
      const failure = await this.write(ids);
      if (failure) {
        this.next = null;
        this.failure.set(failure);
      }
    }
    this.busy = false;
    this.overlay.set(null);
  }

  private async write(ids: readonly string[]): Promise<Failure | null> {
    const base = this.store.scene.get();
    if (!base) return null;
    for (let round = 0; round < REBASES_MAX; round++) {
      const scene = this.store.scene.get();
      // Another scene was selected meanwhile: this order is not for it.
      if (scene?.id !== base.id) return null;
      const outcome = await this.put(scene, ids);
      if (outcome.ok) {
        this.store.order(ids, revisionOf(outcome));
        return null;
      }
      if (outcome.failure.status !== 412) return outcome.failure;
      // Any change of any layer raises the scene's revision; only another order is in our way.
      if (!(await this.store.load())) return outcome.failure;
      if (!hasSameOrder(base, this.store.scene.get())) return REORDERED;
    }
    return REORDERED;
  }

  private put({ id, revision }: SceneView, ids: readonly string[]): Promise<Outcome<unknown>> {
    const query = { stream: this.stream, scene: id };
    return outcomeOf(
      this.api.PUT("/api/layers/order", {
        params: { query, header: { "If-Match": `"${revision}"` } },
        body: { order: [...ids] },
      }),
    );
  }
}

const REORDERED: Failure = {
  code: "revision.stale",
  status: 412,
  message: "Somebody else changed the order or the list of layers meanwhile. Here is theirs.",
  fields: [],
  trace: null,
  retryAfterMs: null,
};

function hasSameOrder(base: SceneView, now: SceneView | null): boolean {
  const ids = (scene: SceneView | null) => scene?.layers.map(({ id }) => id).join();
  return ids(base) === ids(now);
}

function revisionOf({ etag }: { readonly etag: string | null }): number {
  const revision = Number(etag?.replaceAll('"', ""));
  return Number.isFinite(revision) ? revision : 0;
}
