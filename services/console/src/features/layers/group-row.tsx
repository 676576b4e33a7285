import {
  BookmarkPlus,
  ChevronDown,
  ChevronRight,
  ChevronUp,
  Copy,
  Eye,
  EyeOff,
  Folder,
  FolderOpen,
  GripVertical,
  Lock,
  LockOpen,
  Trash2,
  Ungroup,
} from "lucide-react";
import { type KeyboardEvent, type PointerEvent, useState } from "react";
import type { Group } from "../../api/types.ts";
import { useRuntime } from "../../runtime-context.ts";
import { DraftField, NumberField } from "../../ui/fields.tsx";
import { IconButton } from "../../ui/icon-button.tsx";
import { SaveTemplateDialog } from "../templates/save-template-dialog.tsx";
import { Section } from "./section.tsx";

interface GroupRowProps {
  readonly group: Group;
  readonly count: number;
  readonly isFolded: boolean;
  /** Why nothing can be changed; `null` when it can. */
  readonly blocked: string | null;
  readonly dropMark: "above" | "below" | null;
  readonly isDragged: boolean;
  readonly onFold: () => void;
  readonly onMove: (towards: "front" | "back") => void;
  readonly onGrab: (event: PointerEvent<HTMLElement>) => void;
}

/** A group above its layers: what is done here is done to all of them. */
export function GroupRow(props: GroupRowProps) {
  const { group, count, isFolded, blocked } = props;
  const { groupCommands } = useRuntime();
  const [asking, setAsking] = useState(false);
  const [saving, setSaving] = useState(false);
  const readOnly = blocked !== null || group.locked;
  const percent = Math.round(group.opacity * 100);
  const change = (patch: Parameters<typeof groupCommands.change>[1]) =>
    void groupCommands.change(group.id, patch);

  const onHandleKey = (event: KeyboardEvent) => {
    if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
    event.preventDefault();
    props.onMove(event.key === "ArrowUp" ? "front" : "back");
  };

  return (
    <li
      className="layer layer--group"
      data-layer={group.id}
      data-drop={props.dropMark ?? undefined}
      data-dragged={props.isDragged || undefined}
      data-hidden={!group.visible || undefined}
      title={blocked ?? undefined}
    >
      <div className="layer__head">
        <IconButton
          icon={GripVertical}
          label={`Reorder group ${group.name}: drag, or arrow keys`}
          className="layer__handle"
          disabled={readOnly}
          onPointerDown={props.onGrab}
          onKeyDown={onHandleKey}
        />
        <IconButton
          icon={isFolded ? ChevronRight : ChevronDown}
          label={isFolded ? `Unfold ${group.name}` : `Fold ${group.name}`}
          aria-expanded={!isFolded}
          onClick={props.onFold}
        />
        {isFolded ? (
          <Folder className="layer__kind" size={18} aria-hidden />
        ) : (
          <FolderOpen className="layer__kind" size={18} aria-hidden />
        )}
        <div className="layer__title">
          <span className="layer__name">{group.name}</span>
          <span className="layer__status">
            Group of {count} {count === 1 ? "layer" : "layers"}
            {!group.visible && " · hidden"}
          </span>
        </div>
        <div className="layer__buttons">
          <IconButton
            icon={group.visible ? Eye : EyeOff}
            label={group.visible ? `Hide group ${group.name}` : `Show group ${group.name}`}
            disabled={readOnly}
            onClick={() => change({ visible: !group.visible })}
          />
          <IconButton
            icon={group.locked ? Lock : LockOpen}
            label={group.locked ? `Unlock group ${group.name}` : `Lock group ${group.name}`}
            disabled={blocked !== null}
            onClick={() => change({ locked: !group.locked })}
          />
          <IconButton
            icon={ChevronUp}
            label={`Move group ${group.name} up`}
            disabled={readOnly}
            onClick={() => props.onMove("front")}
          />
          <IconButton
            icon={ChevronDown}
            label={`Move group ${group.name} down`}
            disabled={readOnly}
            onClick={() => props.onMove("back")}
          />
          <IconButton
            icon={Copy}
            label={`Duplicate group ${group.name}`}
            disabled={blocked !== null}
            onClick={() => void groupCommands.duplicateGroup(group.id)}
          />
          <IconButton
            icon={BookmarkPlus}
            label={`Save group ${group.name} as a template`}
            disabled={blocked !== null}
            onClick={() => setSaving(true)}
          />
          <IconButton
            icon={Ungroup}
            label={`Ungroup ${group.name}`}
            disabled={readOnly}
            onClick={() => void groupCommands.end(group, "layers")}
          />
        </div>
      </div>
      {saving && <SaveTemplateDialog group={group} onClose={() => setSaving(false)} />}
      <label className="layer__opacity">
        <span className="layer__opacity-label">Opacity</span>
        <span className="visually-hidden">of group {group.name}</span>
        <input
          type="range"
          min={0}
          max={100}
          step={1}
          value={percent}
          disabled={readOnly}
          aria-valuetext={`${percent} percent`}
          onChange={(event) => change({ opacity: Number(event.target.value) / 100 })}
        />
        <span className="layer__percent">{percent} %</span>
      </label>
      {!isFolded && (
        <div className="layer-editor">
          <Section title="Place and size of the group">
            <div className="layer-editor__row">
              <NumberField
                label="Right by"
                value={group.transform.x}
                min={-16_384}
                max={16_384}
                disabled={readOnly}
                onChange={(x) => change({ transform: { x } })}
              />
              <NumberField
                label="Down by"
                value={group.transform.y}
                min={-16_384}
                max={16_384}
                disabled={readOnly}
                onChange={(y) => change({ transform: { y } })}
              />
              <NumberField
                label="Percent"
                value={Math.round(group.transform.scale * 100)}
                min={5}
                max={2000}
                disabled={readOnly}
                onChange={(value) => change({ transform: { scale: value / 100 } })}
              />
            </div>
            <div className="layer-editor__foot">
              <DraftField
                label="Name of the group"
                value={group.name}
                maxLength={100}
                disabled={readOnly}
                onCommit={(name) => {
                  if (name.trim() !== "") change({ name: name.trim() });
                  return name.trim() !== "";
                }}
              />
              <button
                type="button"
                className="button button--danger"
                disabled={readOnly}
                onClick={() =>
                  asking ? void groupCommands.end(group, "nothing") : setAsking(true)
                }
                onBlur={() => setAsking(false)}
              >
                <Trash2 size={16} aria-hidden />
                {asking ? `Really delete ${count} layers` : "Delete with its layers"}
              </button>
            </div>
          </Section>
        </div>
      )}
    </li>
  );
}
