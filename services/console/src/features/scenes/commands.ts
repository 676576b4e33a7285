import { type Api, type Outcome, outcomeOf } from "../../api/client.ts";
import type { Failure } from "../../api/problem.ts";
import type {
  ControlRequest,
  Direction,
  Easing,
  ListedScene,
  SceneList,
  TransitionKind,
} from "../../api/types.ts";
import { Observable } from "../../observable.ts";
import { randomKey } from "../../random-key.ts";

/** How a scene replaces the one before. */
export interface Transition {
  readonly kind: TransitionKind;
  /** Where a wipe or a slide moves to. */
  readonly direction: Direction;
  readonly durationMs: number;
  readonly easing: Easing;
}

export const FADE: Transition = {
  kind: "fade",
  direction: "left",
  durationMs: 500,
  easing: "linear",
};
export const CUT: Transition = { ...FADE, kind: "cut", durationMs: 0 };

/** What is done with scenes; one at a time, so that a double click takes once. */
export class SceneCommands {
  readonly busy = new Observable(false);
  readonly failure = new Observable<Failure | null>(null);
  private readonly api: Api;
  private readonly stream: string;

  constructor(api: Api, stream: string) {
    this.api = api;
    this.stream = stream;
  }

  create(name: string): Promise<boolean> {
    const params = { query: this.query };
    return this.do(() => outcomeOf(this.api.POST("/api/scenes", { params, body: { name } })));
  }

  rename({ id, revision }: ListedScene, name: string): Promise<boolean> {
    const params = { path: { id }, query: this.query, header: tag(revision) };
    return this.do(() => outcomeOf(this.api.PATCH("/api/scenes/{id}", { params, body: { name } })));
  }

  duplicate(id: string): Promise<boolean> {
    const params = { path: { id }, query: this.query };
    return this.do(() => outcomeOf(this.api.POST("/api/scenes/{id}/duplicate", { params })));
  }

  delete({ id, revision }: ListedScene): Promise<boolean> {
    const params = { path: { id }, query: this.query, header: tag(revision) };
    return this.do(() => outcomeOf(this.api.DELETE("/api/scenes/{id}", { params })));
  }

  /** Moves a scene by one place. */
  move({ revision, scenes }: SceneList, id: string, by: -1 | 1): Promise<boolean> {
    const ids = scenes.map((scene) => scene.id);
    const place = ids.indexOf(id);
    const order = ids.toSpliced(place, 1).toSpliced(Math.max(0, place + by), 0, id);
    const params = { query: this.query, header: tag(revision) };
    return this.do(() => outcomeOf(this.api.PUT("/api/scenes/order", { params, body: { order } })));
  }

  /** Puts a scene on air: this one, or the one in preview. */
  take(scene: string | null, transition: Transition): Promise<boolean> {
    const { kind, direction, durationMs, easing } = transition;
    const how = { transition: kind, direction, duration_ms: durationMs, easing };
    return this.control({ action: "take", ...(scene ? { scene } : {}), ...how });
  }

  /** Puts a scene into preview, or none. */
  preview(scene: string | null): Promise<boolean> {
    return this.control({ action: "preview", scene });
  }

  /** Chooses the slate; null for the built-in one. */
  slate(slate: string | null): Promise<boolean> {
    return this.control({ action: "configure", slate });
  }

  dismiss(): void {
    this.failure.set(null);
  }

  private get query() {
    return { stream: this.stream };
  }

  private control(body: Omit<ControlRequest, "stream">): Promise<boolean> {
    const params = { header: { "Idempotency-Key": randomKey() } };
    const whole = { stream: this.stream, ...body };
    return this.do(() => outcomeOf(this.api.POST("/api/stream/control", { params, body: whole })));
  }

  private async do(request: () => Promise<Outcome<unknown>>): Promise<boolean> {
    if (this.busy.get()) return false;
    this.busy.set(true);
    this.failure.set(null);
    const outcome = await request();
    this.busy.set(false);
    if (!outcome.ok) this.failure.set(outcome.failure);
    return outcome.ok;
  }
}

function tag(revision: number) {
  return { "If-Match": `"${revision}"` };
}
