import { type Api, outcomeOf } from "../../api/client.ts";
import type {
  EventMessage,
  Layer,
  LayerCreated,
  LayerDeleted,
  LayerList,
  LayerReordered,
  LayerStatus,
  LayerUpdated,
} from "../../api/types.ts";
import { Observable } from "../../observable.ts";
import type { ChannelListener } from "../../ws/channel-reader.ts";

/** The scene as the server knows it. */
export interface SceneView {
  readonly id: string;
  readonly name: string;
  readonly revision: number;
  /** From the back of the picture to the front. */
  readonly layers: readonly Layer[];
}

/**
 * The layers as the server has them. Changes come from the channel and from answers to own requests,
 * in any order; revisions decide which is newer.
 */
export class LayerStore implements ChannelListener {
  readonly scene = new Observable<SceneView | null>(null);
  private readonly api: Api;
  private readonly stream: string;

  constructor(api: Api, stream: string) {
    this.api = api;
    this.stream = stream;
  }

  layer(id: string): Layer | undefined {
    return this.scene.get()?.layers.find((layer) => layer.id === id);
  }

  /** Null before the stream has a scene. */
  snapshot(value: unknown): void {
    if (value === null) void this.load();
    else this.scene.set(viewOf(value as LayerList));
  }

  event({ event, data }: EventMessage): void {
    switch (event) {
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
      case "layer.status.changed":
        this.statusChanged(data as LayerStatus);
        break;
    }
  }

  /** Fetches everything; false when that failed. */
  async load(): Promise<boolean> {
    const outcome = await outcomeOf(
      this.api.GET("/api/layers", { params: { query: { stream: this.stream } } }),
    );
    if (outcome.ok) this.scene.set(viewOf(outcome.data));
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

function viewOf({ scene: { id, name, revision }, layers }: LayerList): SceneView {
  return { id, name, revision, layers };
}
