import { type Api, outcomeOf } from "../../api/client.ts";
import type { EventMessage, EventType, SceneList } from "../../api/types.ts";
import { Observable } from "../../observable.ts";
import type { ChannelListener } from "../../ws/channel-reader.ts";

const CHANGES: readonly EventType[] = [
  "scene.created",
  "scene.updated",
  "scene.deleted",
  "scene.reordered",
];

/** The scenes of the stream as the server lists them. Read anew whenever one of them changes. */
export class SceneStore implements ChannelListener {
  readonly list = new Observable<SceneList | null>(null);
  private readonly api: Api;
  private readonly stream: string;
  private asked = 0;

  constructor(api: Api, stream: string) {
    this.api = api;
    this.stream = stream;
  }

  snapshot(_onAir: unknown): void {
    void this.load();
  }

  event({ event }: EventMessage): void {
    if (CHANGES.includes(event)) void this.load();
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
