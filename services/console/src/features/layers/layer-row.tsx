import {
  ChevronDown,
  ChevronUp,
  Eye,
  EyeOff,
  GripVertical,
  LoaderCircle,
  Lock,
  LockOpen,
  SlidersHorizontal,
  TriangleAlert,
} from "lucide-react";
import { type KeyboardEvent, type PointerEvent, useId, useState } from "react";
import type { Group, Layer, LayerStatus } from "../../api/types.ts";
import { useRuntime } from "../../runtime-context.ts";
import { IconButton } from "../../ui/icon-button.tsx";
import { KINDS } from "./kinds.ts";
import { LayerEditor } from "./layer-editor.tsx";
import { LayerFigures } from "./layer-figures.tsx";
import { LayerNote } from "./layer-note.tsx";
import type { Patch } from "./patch.ts";
import { plays } from "./playback.ts";
import { PlaybackControls } from "./playback-controls.tsx";
import type { Note } from "./writer.ts";

export interface LayerRowProps {
  readonly layer: Layer;
  readonly status: LayerStatus | null;
  readonly note: Note | null;
  /** Why nothing can be changed; `null` when it can. */
  readonly blocked: string | null;
  /** The group that it belongs to. */
  readonly group: Group | null;
  /** Whether it is selected; `null` while nothing is to be selected. */
  readonly selected: boolean | null;
  readonly isFirst: boolean;
  readonly isLast: boolean;
  readonly dropMark: "above" | "below" | null;
  readonly isDragged: boolean;
  /** One place towards the front or the back. */
  readonly onMove: (towards: "front" | "back") => void;
  readonly onGrab: (event: PointerEvent<HTMLElement>) => void;
  readonly onSelect: (selected: boolean) => void;
  readonly onDuplicate: () => void;
  readonly onDelete: () => void;
}

export function LayerRow(props: LayerRowProps) {
  const { layer, status, note, blocked } = props;
  const { layerWriter } = useRuntime();
  const [open, setOpen] = useState(false);
  const editorId = useId();
  const change = (patch: Patch) => layerWriter.change(layer.id, patch);
  const readOnly = blocked !== null || layer.locked || props.group?.locked === true;
  const { icon: KindIcon, label: kindLabel } = KINDS[layer.kind];

  const onHandleKey = (event: KeyboardEvent) => {
    if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
    event.preventDefault();
    props.onMove(event.key === "ArrowUp" ? "front" : "back");
  };

  return (
    <li
      className="layer"
      data-layer={layer.id}
      data-group={props.group?.id}
      data-drop={props.dropMark ?? undefined}
      data-dragged={props.isDragged || undefined}
      data-hidden={!layer.visible || undefined}
      title={blocked ?? undefined}
    >
      <div className="layer__head">
        {props.selected !== null && (
          <input
            type="checkbox"
            aria-label={`Select ${layer.name}`}
            checked={props.selected}
            onChange={(event) => props.onSelect(event.target.checked)}
          />
        )}
        <IconButton
          icon={GripVertical}
          label={`Reorder ${layer.name}: drag, or arrow keys`}
          className="layer__handle"
          disabled={readOnly}
          onPointerDown={props.onGrab}
          onKeyDown={onHandleKey}
        />
        <KindIcon className="layer__kind" size={18} aria-hidden />
        <div className="layer__title">
          <span className="layer__name">{layer.name}</span>
          <span className="layer__status">
            <StatusText kind={kindLabel} status={status} visible={layer.visible} />
            <LayerFigures layer={layer.id} />
          </span>
        </div>
        <div className="layer__buttons">
          <IconButton
            icon={layer.visible ? Eye : EyeOff}
            label={layer.visible ? `Hide ${layer.name}` : `Show ${layer.name}`}
            disabled={readOnly}
            onClick={() => change({ visible: !layer.visible })}
          />
          <IconButton
            icon={layer.locked ? Lock : LockOpen}
            label={layer.locked ? `Unlock ${layer.name}` : `Lock ${layer.name}`}
            disabled={blocked !== null || props.group?.locked === true}
            onClick={() => change({ locked: !layer.locked })}
          />
          <IconButton
            icon={ChevronUp}
            label={`Move ${layer.name} up`}
            disabled={readOnly || props.isFirst}
            onClick={() => props.onMove("front")}
          />
          <IconButton
            icon={ChevronDown}
            label={`Move ${layer.name} down`}
            disabled={readOnly || props.isLast}
            onClick={() => props.onMove("back")}
          />
          <IconButton
            icon={SlidersHorizontal}
            label={`Edit ${layer.name}`}
            aria-expanded={open}
            aria-controls={open ? editorId : undefined}
            onClick={() => setOpen(!open)}
          />
        </div>
      </div>
      <Opacity layer={layer} disabled={readOnly} change={change} />
      {plays(layer) && (
        <PlaybackControls layer={layer} status={status} disabled={blocked !== null} />
      )}
      {status && status.state !== "ok" && status.reason && (
        <p className="layer__reason">{status.reason}</p>
      )}
      {note && <LayerNote layer={layer.id} note={note} />}
      {open && (
        <LayerEditor
          id={editorId}
          layer={layer}
          disabled={readOnly}
          change={change}
          {...(blocked === null && { onDuplicate: props.onDuplicate })}
          onDelete={props.onDelete}
        />
      )}
    </li>
  );
}

interface OpacityProps {
  readonly layer: Layer;
  readonly disabled: boolean;
  readonly change: (patch: Patch) => void;
}

function Opacity({ layer, disabled, change }: OpacityProps) {
  const percent = Math.round(layer.opacity * 100);
  return (
    <label className="layer__opacity">
      <span className="layer__opacity-label">Opacity</span>
      <span className="visually-hidden">of {layer.name}</span>
      <input
        type="range"
        min={0}
        max={100}
        step={1}
        value={percent}
        disabled={disabled}
        aria-valuetext={`${percent} percent`}
        onChange={(event) => change({ opacity: Number(event.target.value) / 100 })}
      />
      <span className="layer__percent">{percent} %</span>
    </label>
  );
}

interface StatusTextProps {
  readonly kind: string;
  readonly status: LayerStatus | null;
  readonly visible: boolean;
}

function StatusText({ kind, status, visible }: StatusTextProps) {
  return (
    <>
      <span>
        {kind}
        {!visible && " · hidden"}
      </span>
      {status?.state === "loading" && (
        <span className="layer__state" data-tone="busy">
          <LoaderCircle size={13} aria-hidden /> {status.code ? "Waiting" : "Loading"}
        </span>
      )}
      {status?.state === "failing" && (
        <span className="layer__state" data-tone="bad">
          <TriangleAlert size={13} aria-hidden /> Failing
        </span>
      )}
      {status?.state === "ok" && visible && (
        <span className="layer__state" data-tone="ok">
          OK
        </span>
      )}
    </>
  );
}
