import { type Api, type Outcome, outcomeOf } from "../../api/client.ts";
import type { Failure } from "../../api/problem.ts";
import type { Group, GroupPatch, Layer } from "../../api/types.ts";
import { Observable } from "../../observable.ts";
import type { LayerStore } from "./store.ts";

/** Tries of a change that somebody else was faster than. */
const ROUNDS_MAX = 4;

/** Commands for groups, and for several layers at once; what fails is told here. */
export class GroupCommands {
  readonly failure = new Observable<Failure | null>(null);
  private readonly api: Api;
  private readonly store: LayerStore;
  private readonly stream: string;
  /** Changes that wait for the one on its way, by group. */
  private readonly waiting = new Map<string, GroupPatch>();
  private readonly sending = new Set<string>();

  constructor(api: Api, store: LayerStore, stream: string) {
    this.api = api;
    this.store = store;
    this.stream = stream;
  }

  async make(name: string, layers: readonly string[]): Promise<boolean> {
    const body = { name, layers: [...layers] };
    const query = this.query();
    return this.told(await outcomeOf(this.api.POST("/api/groups", { params: { query }, body })));
  }

  /** Changes a group; of several changes while one is on its way the last values are sent. */
  async change(id: string, patch: GroupPatch): Promise<void> {
    const before = this.waiting.get(id);
    const transform = { ...before?.transform, ...patch.transform };
    this.waiting.set(id, { ...before, ...patch, ...(patch.transform && { transform }) });
    if (this.sending.has(id)) return;
    this.sending.add(id);
    for (let next = this.take(id); next; next = this.take(id)) {
      if (!(await this.write(id, next))) this.waiting.delete(id);
    }
    this.sending.delete(id);
  }

  /** Ends a group; its layers remain as they look, or go with it. */
  async end(group: Group, remains: "layers" | "nothing"): Promise<boolean> {
    const params = {
      path: { id: group.id },
      query: { ...this.query(), remains },
      header: { "If-Match": `"${group.revision}"` },
    };
    return this.told(await outcomeOf(this.api.DELETE("/api/groups/{id}", { params })));
  }

  async duplicateGroup(id: string): Promise<boolean> {
    const params = { path: { id }, query: this.query() };
    return this.told(await outcomeOf(this.api.POST("/api/groups/{id}/duplicate", { params })));
  }

  async duplicateLayer({ id }: Layer): Promise<boolean> {
    const params = { path: { id }, query: this.query() };
    return this.told(await outcomeOf(this.api.POST("/api/layers/{id}/duplicate", { params })));
  }

  /** Copies layers into another scene; the failure is the caller's to show. */
  async copy(layers: readonly string[], to: string): Promise<Failure | null> {
    const body = { layers: [...layers], to };
    const query = this.query();
    const copied = await outcomeOf(this.api.POST("/api/layers/copy", { params: { query }, body }));
    return copied.ok ? null : copied.failure;
  }

  dismiss(): void {
    this.failure.set(null);
  }

  private take(id: string): GroupPatch | undefined {
    const patch = this.waiting.get(id);
    this.waiting.delete(id);
    return patch;
  }

  private async write(id: string, patch: GroupPatch): Promise<boolean> {
    for (let round = 1; ; round++) {
      const group = this.store.group(id);
      if (!group) return false;
      const outcome = await outcomeOf(
        this.api.PATCH("/api/groups/{id}", {
          params: {
            path: { id },
            query: { stream: this.stream, scene: group.scene },
            header: { "If-Match": `"${group.revision}"` },
          },
          body: patch,
        }),
      );
      if (outcome.ok) {
        this.store.putGroup(outcome.data);
        return true;
      }
      const isStale = outcome.failure.status === 412 && round < ROUNDS_MAX;
      if (!isStale || !(await this.store.load())) {
        this.failure.set(outcome.failure);
        return false;
      }
    }
  }

  private async told(outcome: Outcome<unknown>): Promise<boolean> {
    this.failure.set(outcome.ok ? null : outcome.failure);
    // What was stale is shown as it is now; what was done is not waited for.
    await this.store.load();
    return outcome.ok;
  }

  private query() {
    const scene = this.store.scene.get()?.id;
    return scene ? { stream: this.stream, scene } : { stream: this.stream };
  }
}
