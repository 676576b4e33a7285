import { type Api, outcomeOf } from "../../api/client.ts";
import type { Failure } from "../../api/problem.ts";
import type { UsedAsset } from "../../api/types.ts";
import { Observable } from "../../observable.ts";

/** The uploaded files. */
export class AssetStore {
  /** The newest first; `null` before they are known. */
  readonly assets = new Observable<readonly UsedAsset[] | null>(null);
  /** Why they could not be fetched. */
  readonly failure = new Observable<Failure | null>(null);
  private readonly api: Api;

  constructor(api: Api) {
    this.api = api;
  }

  async load(): Promise<void> {
    const outcome = await outcomeOf(this.api.GET("/api/assets"));
    this.failure.set(outcome.ok ? null : outcome.failure);
    if (outcome.ok) this.assets.set(outcome.data);
  }

  /** Deletes a file that nobody uses; the result says why not. */
  async remove(id: string): Promise<Failure | null> {
    const outcome = await outcomeOf(
      this.api.DELETE("/api/assets/{id}", { params: { path: { id } } }),
    );
    if (!outcome.ok && outcome.failure.status !== 404) return outcome.failure;
    this.assets.set(this.assets.get()?.filter((asset) => asset.id !== id) ?? null);
    return null;
  }
}
