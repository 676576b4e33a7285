import { type Api, outcomeOf } from "../../api/client.ts";
import type {
  EventMessage,
  Group,
  GroupCreated,
  GroupDeleted,
  Layer,
  LayerCreated,
  LayerDeleted,
  LayerList,
  LayerReordered,
  LayerStatus,
  LayerUpdated,
  SceneDeleted,
  SceneDraftEnded,
  SceneUpdated,
} from "../../api/types.ts";
import type { ChannelListener } from "../../live/channel-listener.ts";
import { Observable } from "../../observable.ts";

/** The scene as the server knows it. */
export interface SceneView {
  readonly id: string;
  readonly name: string;
  readonly revision: number;
  /** From the back of the picture to the front. */
  readonly layers: readonly Layer[];
  readonly groups: readonly Group[];
}

/**
 * The layers of one scene as the server has them: of the one that was selected, or of the one on
 * air. Changes come from the channel and from answers to own requests, in any order; revisions decide
 * which is newer. The channel tells of every scene.
 */
export class LayerStore implements ChannelListener {
  readonly scene = new Observable<SceneView | null>(null);
  /** The scene that was selected; null follows the one on air. */
  readonly selected = new Observable<string | null>(null);
  private readonly api: Api;
  private readonly stream: string;

  constructor(api: Api, stream: string) {
    this.api = api;
    this.stream = stream;
  }

  layer(id: string): Layer | undefined {
    return this.scene.get()?.layers.find((layer) => layer.id === id);
  }

  group(id: string): Group | undefined {
    return this.scene.get()?.groups.find((group) => group.id === id);
  }

  /** Shows another scene; null follows the one on air. */
  async select(id: string | null): Promise<void> {
    if (id === this.selected.get()) return;
    this.selected.set(id);
    await this.load();
  }

  /** The scene on air, or null before the stream has a scene. */
  snapshot(value: unknown): void {
    const list = value as LayerList | null;
    const selected = this.selected.get();
    if (list === null || (selected !== null && selected !== list.scene.id)) void this.load();
    else this.scene.set(viewOf(list));
  }

  event({ event, data }: EventMessage): void {
    if (event === "scene.deleted") {
      if ((data as SceneDeleted).scene === this.selected.get()) void this.select(null);
      return;
    }
    if (event === "scene.draft.ended") {
      const { draft, scene } = data as SceneDraftEnded;
      if (draft === this.selected.get()) void this.select(scene);
      return;
    }
    if (event === "layer.status.changed") {
      this.statusChanged(data as LayerStatus);
      return;
    }
    if (sceneOf(event, data) !== this.scene.get()?.id) return;
    switch (event) {
      case "scene.updated":
        this.renamed(data as SceneUpdated);
        break;
      case "layer.created":
        this.created(data as LayerCreated);
        break;
      case "layer.updated":
        this.put((data as LayerUpdated).layer, (data as LayerUpdated).scene_revision);
        break;
      case "layer.deleted":
        this.remove((data as LayerDeleted).layer, (data as LayerDeleted).scene_revision);
        break;
      case "layer.reordered":
        this.reordered(data as LayerReordered);
        break;
      case "group.created":
      case "group.updated":
        this.putGroup((data as GroupCreated).group, (data as GroupCreated).scene_revision);
        break;
      case "group.deleted":
        this.removeGroup((data as GroupDeleted).group, (data as GroupDeleted).scene_revision);
        break;
    }
  }

  /** Fetches everything; false when that failed. */
  async load(): Promise<boolean> {
    const scene = this.selected.get();
    const query = scene === null ? { stream: this.stream } : { stream: this.stream, scene };
    const outcome = await outcomeOf(this.api.GET("/api/layers", { params: { query } }));
    // An answer that comes after another selection is of no use any more.
    if (scene !== this.selected.get()) return outcome.ok;
    if (outcome.ok) this.scene.set(viewOf(outcome.data));
    else if (scene !== null && outcome.failure.status === 404) void this.select(null);
    return outcome.ok;
  }

  /** Takes a newer version of a layer that is known. */
  put(layer: Layer, sceneRevision = 0): void {
    this.change(sceneRevision, (layers) =>
      layers.map((old) => (old.id === layer.id ? newer(old, layer) : old)),
    );
  }

  /** Takes a new layer at its place from the back; at the front unless told. */
  add(layer: Layer, index = Number.POSITIVE_INFINITY, sceneRevision = 0): void {
    if (this.layer(layer.id)) {
      this.put(layer, sceneRevision);
      return;
    }
    this.change(sceneRevision, (layers) => layers.toSpliced(index, 0, layer));
  }

  remove(id: string, sceneRevision = 0): void {
    this.change(sceneRevision, (layers) => layers.filter((layer) => layer.id !== id));
  }

  /** Takes a group that is new, or a newer version of one. */
  putGroup(group: Group, sceneRevision = 0): void {
    const scene = this.scene.get();
    if (!scene) return;
    const old = this.group(group.id);
    if (old && group.revision < old.revision) return;
    const others = scene.groups.map((known) => (known.id === group.id ? group : known));
    this.groups(old ? others : [...scene.groups, group], sceneRevision);
  }

  private removeGroup(id: string, sceneRevision: number): void {
    const groups = this.scene.get()?.groups ?? [];
    this.groups(
      groups.filter((group) => group.id !== id),
      sceneRevision,
    );
  }

  private groups(groups: readonly Group[], revision: number): void {
    const scene = this.scene.get();
    if (!scene) return;
    this.scene.set({ ...scene, revision: Math.max(scene.revision, revision), groups });
  }

  /** Takes an order; layers that it does not name stay in front. */
  order(ids: readonly string[], sceneRevision = 0): void {
    this.change(sceneRevision, (layers) => inOrder(layers, ids));
  }

  private created({ layer, index, scene_revision }: LayerCreated): void {
    this.add(layer, index, scene_revision);
  }

  private reordered({ order, scene_revision }: LayerReordered): void {
    // All events of a batch carry its one revision.
    if (scene_revision >= (this.scene.get()?.revision ?? 0)) this.order(order, scene_revision);
  }

  private renamed({ scene: { name, revision } }: SceneUpdated): void {
    const scene = this.scene.get();
    if (scene && revision >= scene.revision) this.scene.set({ ...scene, name, revision });
  }

  private statusChanged(status: LayerStatus): void {
    this.change(0, (layers) =>
      layers.map((layer) => (layer.id === status.layer ? { ...layer, status } : layer)),
    );
  }

  private change(revision: number, edit: (layers: readonly Layer[]) => readonly Layer[]): void {
    const scene = this.scene.get();
    if (!scene) return;
    this.scene.set({
      ...scene,
      revision: Math.max(scene.revision, revision),
      layers: edit(scene.layers),
    });
  }
}

/** The scene that an event is about. */
function sceneOf(event: EventMessage["event"], data: unknown): string | null {
  switch (event) {
    case "layer.created":
    case "layer.updated":
      return (data as LayerUpdated).layer.scene;
    case "group.created":
    case "group.updated":
      return (data as GroupCreated).group.scene;
    case "layer.deleted":
    case "layer.reordered":
    case "group.deleted":
      return (data as LayerReordered).scene;
    case "scene.updated":
      return (data as SceneUpdated).scene.id;
    default:
      return null;
  }
}

export function inOrder(layers: readonly Layer[], ids: readonly string[]): readonly Layer[] {
  const place = new Map(ids.map((id, index) => [id, index]));
  const placeOf = ({ id }: Layer) => place.get(id) ?? ids.length;
  return layers.toSorted((a, b) => placeOf(a) - placeOf(b));
}

/** The newer of two versions. Writers do not know how a layer does in the picture; that is kept. */
function newer(old: Layer, layer: Layer): Layer {
  if (layer.revision < old.revision) return old;
  return layer.status || !old.status ? layer : { ...layer, status: old.status };
}

function viewOf({ scene: { id, name, revision }, layers, groups }: LayerList): SceneView {
  return { id, name, revision, layers, groups: groups ?? [] };
}
