import { Check, Eye, FilePen, Trash2 } from "lucide-react";
import { useState } from "react";
import type { Conflict, ListedScene, OnDraftConflict } from "../../api/types.ts";
import { useObservable } from "../../observable.ts";
import { useForbidden, useRuntime } from "../../runtime-context.ts";
import { Message } from "../../ui/message.tsx";
import { fieldLabel } from "../layers/kinds.ts";
import { show } from "../layers/show-value.ts";
import type { DraftOf } from "./commands.ts";
import { originalOf } from "./draft-of.ts";
import "./drafts.css";

interface DraftBarProps {
  /** Why nothing can be changed; `null` when it can. */
  readonly blocked: string | null;
}

/** Whether the layers below are those of a scene, or of a draft that nobody sees yet. */
export function DraftBar({ blocked }: DraftBarProps) {
  const { scenes, layers, draftCommands } = useRuntime();
  const list = useObservable(scenes.list);
  const shown = useObservable(layers.scene)?.id ?? null;
  const failure = useObservable(draftCommands.failure);
  const original = originalOf(list, shown);
  const scene = list?.scenes.find(({ id }) => id === shown);
  return (
    <>
      {failure && failure.code !== "scene.draft.conflict" && (
        <Message tone="bad" alert onDismiss={() => draftCommands.dismiss()}>
          {failure.message}
        </Message>
      )}
      {original?.draft && (
        <OpenDraft
          key={original.draft.id}
          original={original}
          of={{ scene: original.id, draft: original.draft }}
          blocked={blocked}
        />
      )}
      {scene && <DraftOfScene scene={scene} blocked={blocked} />}
    </>
  );
}

/** A scene that is edited live: that it has a draft, or that one can be begun. */
function DraftOfScene({ scene, blocked }: DraftBarProps & { readonly scene: ListedScene }) {
  const { layers, draftCommands } = useRuntime();
  const busy = useObservable(draftCommands.busy);
  const { draft } = scene;
  if (draft) {
    return (
      <div className="draft-bar">
        <span>
          {draft.user_name} has begun a draft of {scene.name}. What you change here is not a part of
          it.
        </span>
        <button type="button" className="button" onClick={() => void layers.select(draft.id)}>
          <FilePen size={16} aria-hidden />
          Open the draft
        </button>
      </div>
    );
  }
  return (
    <div className="draft-bar">
      <span>Every change is made live.</span>
      <button
        type="button"
        className="button"
        disabled={blocked !== null}
        aria-disabled={busy}
        title={blocked ?? "Prepare changes that nobody sees until you apply them"}
        onClick={() => void draftCommands.begin(scene.id)}
      >
        <FilePen size={16} aria-hidden />
        Edit as draft
      </button>
    </div>
  );
}

interface OpenDraftProps extends DraftBarProps {
  readonly original: ListedScene;
  readonly of: DraftOf;
}

/** The draft whose layers are below, and what can be done with it. */
function OpenDraft({ original, of, blocked }: OpenDraftProps) {
  const { layers, draftCommands, sceneCommands, state: stream } = useRuntime();
  const busy = useObservable(draftCommands.busy);
  const failure = useObservable(draftCommands.failure);
  const state = useObservable(stream.state);
  const cannotControl = useForbidden("control-stream");
  const [asking, setAsking] = useState(false);
  const { draft } = of;
  const isPreviewed = state?.wanted_preview === draft.id;
  const conflicts = failure?.code === "scene.draft.conflict" ? (failure.conflicts ?? []) : [];

  const end = async (done: Promise<boolean>) => {
    // What is gone is not to be in preview any more.
    if ((await done) && isPreviewed && cannotControl === null) void sceneCommands.preview(null);
  };
  const apply = (onConflict: OnDraftConflict) => void end(draftCommands.apply(of, onConflict));
  const discard = () => void end(draftCommands.discard(of));

  return (
    <div className="draft-bar draft-bar--open">
      <strong className="draft-bar__mark">Draft</strong>
      <span>
        Of {original.name}, begun by {draft.user_name}. Nobody sees it until it is applied.
      </span>
      <span className="draft-bar__buttons">
        <button type="button" className="button" onClick={() => void layers.select(of.scene)}>
          Back to the scene
        </button>
        <button
          type="button"
          className="button"
          disabled={cannotControl !== null || isPreviewed}
          title={cannotControl ?? undefined}
          onClick={() => void sceneCommands.preview(draft.id)}
        >
          <Eye size={16} aria-hidden />
          {isPreviewed ? "In preview" : "Preview"}
        </button>
        <button
          type="button"
          className="button button--danger"
          disabled={blocked !== null}
          aria-disabled={busy}
          onClick={() => (asking ? discard() : setAsking(true))}
          onBlur={() => setAsking(false)}
        >
          <Trash2 size={16} aria-hidden />
          {asking ? "Really discard" : "Discard"}
        </button>
        <button
          type="button"
          className="button button--primary"
          disabled={blocked !== null}
          aria-disabled={busy}
          title={blocked ?? "Make all of it at once"}
          onClick={() => apply("refuse")}
        >
          <Check size={16} aria-hidden />
          Apply
        </button>
      </span>
      {conflicts.length > 0 && (
        <DraftConflicts
          conflicts={conflicts}
          onKeep={() => apply("keep")}
          onReplace={() => apply("replace")}
        />
      )}
    </div>
  );
}

interface DraftConflictsProps {
  readonly conflicts: readonly Conflict[];
  readonly onKeep: () => void;
  readonly onReplace: () => void;
}

/** What others have changed in the scene since the draft began, of what the draft changes. */
function DraftConflicts({ conflicts, onKeep, onReplace }: DraftConflictsProps) {
  const { draftCommands } = useRuntime();
  return (
    <Message
      tone="warn"
      alert
      onDismiss={() => draftCommands.dismiss()}
      actions={
        <>
          <button type="button" className="button" onClick={onKeep}>
            Apply the rest
          </button>
          <button type="button" className="button" onClick={onReplace}>
            Apply all of the draft
          </button>
        </>
      }
    >
      Somebody has changed the same in the scene since the draft began.
      {conflicts.map(({ layer, pointer, wanted, current }) => (
        <span key={`${layer} ${pointer}`} className="layer-note__field">
          {pointer ? fieldLabel(pointer) : "All of a layer"}: {show(current)} in the scene,{" "}
          {show(wanted)} in the draft.
        </span>
      ))}
    </Message>
  );
}
