import { type Api, type Outcome, outcomeOf } from "../../api/client.ts";
import type { Failure } from "../../api/problem.ts";
import type { OnDraftConflict, SceneDraft } from "../../api/types.ts";
import { Observable } from "../../observable.ts";
import type { LayerStore } from "../layers/store.ts";

/** A draft, and the scene that it is of. */
export interface DraftOf {
  readonly scene: string;
  readonly draft: SceneDraft;
}

/** What is done with drafts, one at a time; what fails is told here. */
export class DraftCommands {
  readonly busy = new Observable(false);
  readonly failure = new Observable<Failure | null>(null);
  private readonly api: Api;
  private readonly layers: LayerStore;
  private readonly stream: string;

  constructor(api: Api, layers: LayerStore, stream: string) {
    this.api = api;
    this.layers = layers;
    this.stream = stream;
  }

  /** Begins a draft of a scene, and shows its layers. */
  async begin(scene: string): Promise<void> {
    const params = this.of(scene);
    const begun = await this.do(() =>
      outcomeOf(this.api.POST("/api/scenes/{id}/draft", { params })),
    );
    if (begun?.ok) await this.layers.select(begun.data.id);
  }

  /** Makes the changes of the draft whose layers are shown in its scene. */
  apply({ scene }: DraftOf, onConflict: OnDraftConflict): Promise<boolean> {
    const { path, query } = this.of(scene);
    const params = { path, query: { ...query, on_conflict: onConflict }, header: this.seen() };
    const request = () => outcomeOf(this.api.POST("/api/scenes/{id}/draft/apply", { params }));
    return this.end(scene, request);
  }

  /** Throws the draft away whose layers are shown. */
  discard({ scene }: DraftOf): Promise<boolean> {
    const params = { ...this.of(scene), header: this.seen() };
    return this.end(scene, () => outcomeOf(this.api.DELETE("/api/scenes/{id}/draft", { params })));
  }

  dismiss(): void {
    this.failure.set(null);
  }

  private async end(scene: string, request: () => Promise<Outcome<unknown>>): Promise<boolean> {
    const done = (await this.do(request))?.ok ?? false;
    if (done) await this.layers.select(scene);
    // What has changed meanwhile is looked at before the next try.
    else if (this.failure.get()?.status === 412) await this.layers.load();
    return done;
  }

  private of(scene: string) {
    return { path: { id: scene }, query: { stream: this.stream } };
  }

  /** The revision of the draft that is seen. */
  private seen() {
    return { "If-Match": `"${this.layers.scene.get()?.revision ?? 0}"` };
  }

  /** What came of a request; null where another one is under way. */
  private async do<T>(request: () => Promise<Outcome<T>>): Promise<Outcome<T> | null> {
    if (this.busy.get()) return null;
    this.busy.set(true);
    this.failure.set(null);
    const outcome = await request();
    this.busy.set(false);
    if (!outcome.ok) this.failure.set(outcome.failure);
    return outcome;
  }
}
