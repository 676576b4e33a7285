import { Plus } from "lucide-react";
import { useRef, useState } from "react";
import type { Layer, LayerStatus, StreamState } from "../../api/types.ts";
import { useObservable } from "../../observable.ts";
import { useForbidden, useRuntime } from "../../runtime-context.ts";
import { Message } from "../../ui/message.tsx";
import { useBlocked } from "../link/use-link.ts";
import { AddLayerDialog } from "./add-layer-dialog.tsx";
import { DeleteLayerDialog } from "./delete-layer-dialog.tsx";
import { HistoryButtons, HistoryNote } from "./history-buttons.tsx";
import { LayerRow } from "./layer-row.tsx";
import { moved } from "./order-writer.ts";
import { laidOver } from "./patch.ts";
import { inOrder } from "./store.ts";
import { type Drag, useDragOrder } from "./use-drag-order.ts";
import "./layers.css";

/** The layers, the front of the picture on top. Every change goes on air as it is made. */
export function LayerPanel() {
  const { layers: store, layerWriter, orderWriter, state: stream } = useRuntime();
  const scene = useObservable(store.scene);
  const edits = useObservable(layerWriter.edits);
  const order = useObservable(orderWriter.overlay);
  const orderFailure = useObservable(orderWriter.failure);
  const state = useObservable(stream.state);
  const forbidden = useForbidden("edit-layers");
  const unreachable = useBlocked();
  const blocked = forbidden ?? unreachable;
  const [adding, setAdding] = useState(false);
  const [deleting, setDeleting] = useState<string | null>(null);
  const list = useRef<HTMLOListElement>(null);

  const backToFront = scene ? (order ? inOrder(scene.layers, order) : scene.layers) : [];
  const frontToBack = backToFront.toReversed();
  const ids = frontToBack.map(({ id }) => id);
  const moveTo = (id: string, to: number) => {
    const next = moved(ids, id, to);
    if (next.join() !== ids.join()) orderWriter.order(next.toReversed());
  };
  const { drag, grab } = useDragOrder(list, moveTo);

  return (
    <section className="panel layers" aria-labelledby="layers-title">
      <header className="panel__head">
        <h2 id="layers-title" className="panel__title">
          Layers
        </h2>
        <span className="panel__note">{scene?.name}</span>
        <HistoryButtons blocked={blocked} />
        <button
          type="button"
          className="button"
          disabled={blocked !== null || !scene}
          title={blocked ?? undefined}
          onClick={() => setAdding(true)}
        >
          <Plus size={16} aria-hidden />
          Add layer
        </button>
      </header>
      {forbidden && <p className="layers__note">Read only. {forbidden}</p>}
      <HistoryNote />
      {orderFailure && (
        <Message tone="warn" alert onDismiss={() => orderWriter.dismiss()}>
          Order not changed. {orderFailure.message}
        </Message>
      )}
      {scene && scene.layers.length === 0 && (
        <p className="layers__note">No layers yet. The picture is black until you add one.</p>
      )}
      {!scene && <p className="layers__note">Waiting for the layers…</p>}
      <ol className="layers__list" ref={list} aria-label="Layers, front of the picture first">
        {frontToBack.map((layer, index) => (
          <LayerRow
            key={layer.id}
            layer={laidOver(layer, edits.get(layer.id)?.overlay ?? {})}
            status={statusOf(layer, state)}
            note={edits.get(layer.id)?.note ?? null}
            blocked={blocked}
            isFirst={index === 0}
            isLast={index === frontToBack.length - 1}
            dropMark={dropMark(drag, ids, layer.id)}
            isDragged={drag?.id === layer.id}
            onMove={(towards) => moveTo(layer.id, towards === "front" ? index - 1 : index + 1)}
            onGrab={(event) => grab(layer.id, event)}
            onDelete={() => setDeleting(layer.id)}
          />
        ))}
      </ol>
      {adding && <AddLayerDialog onClose={() => setAdding(false)} />}
      {deleting && <DeleteLayerDialog id={deleting} onClose={() => setDeleting(null)} />}
    </section>
  );
}

/** The newer of what the layer itself and the stream's state say of how the layer does. */
function statusOf(layer: Layer, state: StreamState | null): LayerStatus | null {
  const observed = state?.layers.find((status) => status.layer === layer.id) ?? null;
  const own = layer.status ?? null;
  if (!observed || !own) return observed ?? own;
  return Date.parse(own.since) > Date.parse(observed.since) ? own : observed;
}

function dropMark(drag: Drag | null, ids: readonly string[], id: string) {
  if (!drag || drag.id === id) return null;
  const others = ids.filter((other) => other !== drag.id);
  const place = others.indexOf(id);
  if (place === drag.to) return "above";
  return place === others.length - 1 && drag.to === others.length ? "below" : null;
}
