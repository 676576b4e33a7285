import { type Api, outcomeOf } from "../../api/client.ts";
import type { Failure } from "../../api/problem.ts";
import type { HistoryList, OnConflict, StepSummary } from "../../api/types.ts";
import type { Clock } from "../../clock.ts";
import { Observable } from "../../observable.ts";
import type { LayerStore } from "./store.ts";

export type Direction = "undo" | "redo";

/** What this person can take back and make again next. */
export type NextSteps = Readonly<Record<Direction, StepSummary | null>>;

/** Why a step was not made. */
export interface StepNote {
  readonly direction: Direction;
  readonly failure: Failure;
}

/** Changes come ten times a second while a slider moves: the names follow when it rests. */
const REST_MS = 300;
const NOTHING: NextSteps = { undo: null, redo: null };

/**
 * Takes back this person's changes of the scene that is shown, one step after another, and makes them
 * again. The server keeps the steps and names the next ones; what others have changed stays.
 */
export class LayerHistory {
  readonly next = new Observable<NextSteps>(NOTHING);
  readonly note = new Observable<StepNote | null>(null);
  readonly busy = new Observable(false);
  private readonly api: Api;
  private readonly store: LayerStore;
  private readonly clock: Clock;
  private readonly stream: string;
  private seen: string | null = null;
  private scene: string | null = null;
  private cancel: (() => void) | null = null;

  constructor(api: Api, store: LayerStore, clock: Clock, stream: string) {
    this.api = api;
    this.store = store;
    this.clock = clock;
    this.stream = stream;
  }

  /** Keeps the names of the next steps current; for those who may change layers. */
  follow(): void {
    this.store.scene.subscribe(() => this.sceneChanged());
    this.sceneChanged();
  }

  /** Makes the next step, unless one is on its way. */
  async step(direction: Direction, onConflict: OnConflict = "refuse"): Promise<void> {
    const scene = this.store.scene.get()?.id;
    if (!scene || this.busy.get()) return;
    this.busy.set(true);
    this.note.set(null);
    const query = { stream: this.stream, scene, on_conflict: onConflict };
    const path = direction === "undo" ? "/api/layers/undo" : "/api/layers/redo";
    const outcome = await outcomeOf(this.api.POST(path, { params: { query } }));
    this.busy.set(false);
    if (!outcome.ok) {
      this.note.set({ direction, failure: outcome.failure });
      this.schedule();
      return;
    }
    if (scene !== this.store.scene.get()?.id) return;
    const { undo, redo } = outcome.data;
    this.next.set({ undo: undo ?? null, redo: redo ?? null });
    await this.store.load();
  }

  dismiss(): void {
    this.note.set(null);
  }

  private sceneChanged(): void {
    const scene = this.store.scene.get();
    const seen = scene && `${scene.id} ${scene.revision}`;
    if (seen === this.seen) return;
    this.seen = seen;
    if (scene?.id !== this.scene) {
      this.scene = scene?.id ?? null;
      this.next.set(NOTHING);
      this.note.set(null);
    }
    this.schedule();
  }

  private schedule(): void {
    this.cancel?.();
    this.cancel = this.clock.after(REST_MS, () => void this.read());
  }

  private async read(): Promise<void> {
    const scene = this.store.scene.get()?.id;
    if (!scene) return;
    const query = { stream: this.stream, scene, limit: 0 };
    const outcome = await outcomeOf<HistoryList>(
      this.api.GET("/api/layers/history", { params: { query } }),
    );
    if (!outcome.ok || scene !== this.store.scene.get()?.id) return;
    const { undo, redo } = outcome.data;
    this.next.set({ undo: undo ?? null, redo: redo ?? null });
  }
}
