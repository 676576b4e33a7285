import {
  ArrowDown,
  ArrowUp,
  Copy,
  Download,
  Pencil,
  Radio,
  ShieldHalf,
  Trash2,
} from "lucide-react";
import type { ListedScene } from "../../api/types.ts";
import { IconButton } from "../../ui/icon-button.tsx";
import type { Roles } from "./roles.ts";

interface SceneRowProps {
  readonly scene: ListedScene;
  readonly roles: Roles;
  /** Whether the layers below are this scene's. */
  readonly isEdited: boolean;
  readonly studio: boolean;
  /** Why scenes cannot be edited, and why the stream cannot be steered. */
  readonly blocked: { readonly edit: string | null; readonly control: string | null };
  readonly isFirst: boolean;
  readonly isLast: boolean;
  readonly onChoose: () => void;
  readonly onTake: () => void;
  readonly onMove: (by: -1 | 1) => void;
  readonly onRename: () => void;
  readonly onDuplicate: () => void;
  readonly onSave: () => void;
  readonly onSlate: () => void;
  readonly onDelete: () => void;
}

export function SceneRow({ scene, roles, isEdited, studio, blocked, ...row }: SceneRowProps) {
  const inUse = roles.onAir || roles.preview || roles.slate || scene.draft !== undefined;
  const { name } = scene;
  return (
    <li className="scene" data-edited={isEdited || undefined}>
      <button
        type="button"
        className="scene__name"
        aria-pressed={isEdited}
        title={
          roles.onAir || !studio ? "Edit its layers" : "Put it into preview and edit its layers"
        }
        onClick={row.onChoose}
      >
        {name}
      </button>
      {roles.onAir && <span className="scene__mark scene__mark--air">On air</span>}
      {roles.preview && <span className="scene__mark scene__mark--preview">Preview</span>}
      {roles.slate && <span className="scene__mark">Slate</span>}
      {scene.draft && (
        <span className="scene__mark" title={`Begun by ${scene.draft.user_name}`}>
          Draft
        </span>
      )}
      <span className="scene__actions">
        {!studio && !roles.onAir && (
          <IconButton
            icon={Radio}
            label={blocked.control ?? `Put ${name} on air`}
            disabled={blocked.control !== null}
            onClick={row.onTake}
          />
        )}
        <IconButton
          icon={ArrowUp}
          label={`Move ${name} up`}
          disabled={row.isFirst || blocked.edit !== null}
          onClick={() => row.onMove(-1)}
        />
        <IconButton
          icon={ArrowDown}
          label={`Move ${name} down`}
          disabled={row.isLast || blocked.edit !== null}
          onClick={() => row.onMove(1)}
        />
        <IconButton
          icon={ShieldHalf}
          label={roles.slate ? "Use the built-in slate" : `Make ${name} the slate`}
          aria-pressed={roles.slate}
          disabled={blocked.control !== null}
          onClick={row.onSlate}
        />
        <IconButton
          icon={Pencil}
          label={`Rename ${name}`}
          disabled={blocked.edit !== null}
          onClick={row.onRename}
        />
        <IconButton
          icon={Copy}
          label={`Duplicate ${name}`}
          disabled={blocked.edit !== null}
          onClick={row.onDuplicate}
        />
        <IconButton
          icon={Download}
          label={`Export ${name} as a file`}
          disabled={blocked.edit !== null}
          onClick={row.onSave}
        />
        <IconButton
          icon={Trash2}
          label={inUse ? `${name} is in use` : `Delete ${name}`}
          disabled={inUse || blocked.edit !== null}
          onClick={row.onDelete}
        />
      </span>
    </li>
  );
}
