import { LayoutTemplate, ListChecks, Plus } from "lucide-react";
import { Suspense, useRef, useState } from "react";
import type { Layer, LayerStatus, StreamState } from "../../api/types.ts";
import { useObservable } from "../../observable.ts";
import { useForbidden, useRuntime } from "../../runtime-context.ts";
import { IconButton } from "../../ui/icon-button.tsx";
import { lazily } from "../../ui/lazily.ts";
import { Message } from "../../ui/message.tsx";
import { DraftBar } from "../drafts/draft-bar.tsx";
import { nameOf } from "../drafts/draft-of.ts";
import { useBlocked } from "../link/use-link.ts";
import { VariablesPanel } from "../variables/variables-panel.tsx";
import { AddLayerDialog } from "./add-layer-dialog.tsx";
import { DeleteLayerDialog } from "./delete-layer-dialog.tsx";
import { GroupRow } from "./group-row.tsx";
import { dropped, goesAlong, keyOf, nudged, type Row, rowsOf } from "./groups.ts";
import { HistoryButtons, HistoryNote } from "./history-buttons.tsx";
import { LayerRow } from "./layer-row.tsx";
import { laidOver } from "./patch.ts";
import { SelectionBar } from "./selection-bar.tsx";
import { inOrder } from "./store.ts";
import { type Drag, useDragOrder } from "./use-drag-order.ts";
import "./layers.css";

const TemplateDialog = lazily(async () => {
  return (await import("../templates/template-dialog.tsx")).TemplateDialog;
});

/** The layers, the front of the picture on top. Every change goes on air as it is made, but in a draft. */
export function LayerPanel() {
  const runtime = useRuntime();
  const { layers: store, layerWriter, orderWriter, groupCommands, state: stream } = runtime;
  const scene = useObservable(store.scene);
  const sceneList = useObservable(runtime.scenes.list);
  const edits = useObservable(layerWriter.edits);
  const order = useObservable(orderWriter.overlay);
  const orderFailure = useObservable(orderWriter.failure);
  const groupFailure = useObservable(groupCommands.failure);
  const state = useObservable(stream.state);
  const forbidden = useForbidden("edit-layers");
  const unreachable = useBlocked();
  const blocked = forbidden ?? unreachable;
  const [adding, setAdding] = useState<"layer" | "template" | null>(null);
  const [deleting, setDeleting] = useState<string | null>(null);
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set());
  const [selected, setSelected] = useState<ReadonlySet<string> | null>(null);
  const list = useRef<HTMLOListElement>(null);

  const backToFront = scene ? (order ? inOrder(scene.layers, order) : scene.layers) : [];
  const frontToBack = backToFront.toReversed();
  const rows = rowsOf(frontToBack, scene?.groups ?? [], folded);
  const put = (next: readonly string[] | null) => {
    const now = frontToBack.map(({ id }) => id);
    if (next && next.join() !== now.join()) orderWriter.order(next.toReversed());
  };
  const { drag, grab } = useDragOrder(list, (key, to) => put(dropped(rows, key, to)));
  const lineOf = (row: Row) => {
    const key = keyOf(row);
    return {
      blocked,
      dropMark: dropMark(drag, rows, key),
      isDragged: drag?.id === key,
      onMove: (towards: "front" | "back") => put(nudged(rows, key, towards)),
      onGrab: (event: Parameters<typeof grab>[1]) => grab(key, event),
    };
  };

  return (
    <section className="panel layers" aria-labelledby="layers-title">
      <header className="panel__head">
        <h2 id="layers-title" className="panel__title">
          Layers
        </h2>
        <span className="panel__note">{nameOf(sceneList, scene?.id ?? null) ?? scene?.name}</span>
        <HistoryButtons blocked={blocked} />
        <IconButton
          icon={ListChecks}
          label={selected ? "End the selection" : "Select layers"}
          aria-pressed={selected !== null}
          disabled={blocked !== null || !scene}
          onClick={() => setSelected(selected ? null : new Set())}
        />
        <IconButton
          icon={LayoutTemplate}
          label="Add from a template"
          disabled={blocked !== null || !scene}
          onClick={() => setAdding("template")}
        />
        <button
          type="button"
          className="button"
          disabled={blocked !== null || !scene}
          title={blocked ?? undefined}
          onClick={() => setAdding("layer")}
        >
          <Plus size={16} aria-hidden />
          Add layer
        </button>
      </header>
      <DraftBar blocked={blocked} />
      {forbidden && <p className="layers__note">Read only. {forbidden}</p>}
      <HistoryNote />
      {orderFailure && (
        <Message tone="warn" alert onDismiss={() => orderWriter.dismiss()}>
          Order not changed. {orderFailure.message}
        </Message>
      )}
      {groupFailure && (
        <Message tone="warn" alert onDismiss={() => groupCommands.dismiss()}>
          {groupFailure.fields[0]?.detail ?? groupFailure.message}
        </Message>
      )}
      {selected && (
        <SelectionBar
          frontToBack={frontToBack}
          selected={selected}
          onEnd={() => setSelected(null)}
        />
      )}
      {scene && scene.layers.length === 0 && (
        <p className="layers__note">No layers yet. The picture is black until you add one.</p>
      )}
      {!scene && <p className="layers__note">Waiting for the layers…</p>}
      <ol className="layers__list" ref={list} aria-label="Layers, front of the picture first">
        {rows.map((row) => {
          if (row.kind === "group") {
            return (
              <GroupRow
                key={row.group.id}
                {...lineOf(row)}
                group={row.group}
                count={row.members.length}
                isFolded={folded.has(row.group.id)}
                onFold={() => setFolded(toggled(folded, row.group.id))}
              />
            );
          }
          const { layer } = row;
          return (
            <LayerRow
              key={layer.id}
              {...lineOf(row)}
              layer={laidOver(layer, edits.get(layer.id)?.overlay ?? {})}
              group={row.group}
              status={statusOf(layer, state)}
              note={edits.get(layer.id)?.note ?? null}
              selected={selected?.has(layer.id) ?? null}
              isFirst={layer === frontToBack[0]}
              isLast={layer === frontToBack.at(-1)}
              onSelect={() => setSelected(toggled(selected ?? new Set(), layer.id))}
              onDuplicate={() => void groupCommands.duplicateLayer(layer)}
              onDelete={() => setDeleting(layer.id)}
            />
          );
        })}
      </ol>
      <VariablesPanel blocked={blocked} />
      {adding === "layer" && <AddLayerDialog onClose={() => setAdding(null)} />}
      <Suspense>
        {adding === "template" && <TemplateDialog onClose={() => setAdding(null)} />}
      </Suspense>
      {deleting && <DeleteLayerDialog id={deleting} onClose={() => setDeleting(null)} />}
    </section>
  );
}

function toggled(set: ReadonlySet<string>, id: string): ReadonlySet<string> {
  const next = new Set(set);
  if (!next.delete(id)) next.add(id);
  return next;
}

/** The newer of what the layer itself and the stream's state say of how the layer does. */
function statusOf(layer: Layer, state: StreamState | null): LayerStatus | null {
  const observed = state?.layers.find((status) => status.layer === layer.id) ?? null;
  const own = layer.status ?? null;
  if (!observed || !own) return observed ?? own;
  return Date.parse(own.since) > Date.parse(observed.since) ? own : observed;
}

function dropMark(drag: Drag | null, rows: readonly Row[], key: string): "above" | "below" | null {
  if (!drag) return null;
  const others = rows.filter((row) => !goesAlong(row, drag.id));
  const place = others.findIndex((row) => keyOf(row) === key);
  if (place < 0) return null;
  if (place === drag.to) return "above";
  return place === others.length - 1 && drag.to === others.length ? "below" : null;
}
