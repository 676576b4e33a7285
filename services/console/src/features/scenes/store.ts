import { type Api, outcomeOf } from "../../api/client.ts";
import type {
  EventMessage,
  EventType,
  SceneList,
  SceneTaken,
  SceneTakeStarted,
  Take,
} from "../../api/types.ts";
import type { Clock } from "../../clock.ts";
import type { ChannelListener } from "../../live/channel-listener.ts";
import { Observable } from "../../observable.ts";

const CHANGES: readonly EventType[] = [
  "scene.created",
  "scene.updated",
  "scene.deleted",
  "scene.reordered",
  "scene.draft.begun",
  "scene.draft.ended",
];

/** How long after its time a take counts as over when nobody says so: the worker may be gone. */
const UNHEARD_MS = 2_000;

/**
 * The scenes of the stream as the server lists them, read anew whenever one of them changes, and
 * the take that is on its way.
 */
export class SceneStore implements ChannelListener {
  readonly list = new Observable<SceneList | null>(null);
  readonly coming = new Observable<Take | null>(null);
  private readonly api: Api;
  private readonly stream: string;
  private readonly clock: Clock;
  private asked = 0;
  private stopWaiting: () => void = () => {};

  constructor(api: Api, stream: string, clock: Clock) {
    this.api = api;
    this.stream = stream;
    this.clock = clock;
  }

  snapshot(_onAir: unknown): void {
    this.come(null);
    void this.load();
  }

  event({ event, data }: EventMessage): void {
    if (CHANGES.includes(event)) void this.load();
    if (event === "scene.take.started") this.come((data as SceneTakeStarted).take);
    if (event === "scene.taken") {
      const { number } = data as SceneTaken;
      if (number >= (this.coming.get()?.number ?? 0)) this.come(null);
    }
  }

  private come(take: Take | null): void {
    this.stopWaiting();
    this.coming.set(take);
    if (!take) return;
    const longest = (take.transition.duration_ms ?? 0) + UNHEARD_MS;
    this.stopWaiting = this.clock.after(longest, () => this.coming.set(null));
  }

  /** Fetches the list; false when that failed. Of several answers the last asked for counts. */
  async load(): Promise<boolean> {
    this.asked += 1;
    const asked = this.asked;
    const outcome = await outcomeOf(
      this.api.GET("/api/scenes", { params: { query: { stream: this.stream } } }),
    );
    if (outcome.ok && asked === this.asked) this.list.set(outcome.data);
    return outcome.ok;
  }
}
