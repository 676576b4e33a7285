import { Plus } from "lucide-react";
import { useState } from "react";
import type { ListedScene, SceneList } from "../../api/types.ts";
import { useObservable } from "../../observable.ts";
import { useForbidden, useRuntime } from "../../runtime-context.ts";
import { Message } from "../../ui/message.tsx";
import { nameOf, originalOf } from "../drafts/draft-of.ts";
import { useBlocked } from "../link/use-link.ts";
import { isOnAir } from "../stream/status.ts";
import { CUT, FADE, type Transition } from "./commands.ts";
import { DeleteSceneDialog, NameDialog } from "./dialogs.tsx";
import { PreviewPicture } from "./preview-picture.tsx";
import { rolesOf } from "./roles.ts";
import { ImportScene, saveScene } from "./scene-file.tsx";
import { SceneRow } from "./scene-row.tsx";
import { TakeBar } from "./take-bar.tsx";
import "./scenes.css";

/** The scenes: which is on air, which comes next, and which the layers below belong to. */
export function ScenePanel() {
  const runtime = useRuntime();
  const { scenes: store, sceneCommands: commands, layers, state: stream, session } = runtime;
  const list = useObservable(store.list);
  const state = useObservable(stream.state);
  const edited = useObservable(layers.scene)?.id ?? null;
  const coming = useObservable(store.coming);
  const busy = useObservable(commands.busy);
  const failure = useObservable(commands.failure);
  const cannotEdit = useForbidden("edit-layers");
  const cannotControl = useForbidden("control-stream");
  const unreachable = useBlocked();
  const [adding, setAdding] = useState(false);
  const [renaming, setRenaming] = useState<ListedScene | null>(null);
  const [deleting, setDeleting] = useState<ListedScene | null>(null);
  const [unsaved, setUnsaved] = useState<string | null>(null);
  const [chosenStudio, setStudio] = useState<boolean | null>(null);
  const [transition, setTransition] = useState<Transition>(FADE);
  const blocked = {
    edit: cannotEdit ?? unreachable,
    control: cannotControl ?? unreachable ?? (busy ? "One moment…" : null),
  };
  const studio = chosenStudio ?? (state?.wanted_preview ?? null) !== null;

  const setMode = (on: boolean) => {
    setStudio(on);
    if (!on && state?.wanted_preview) void commands.preview(null);
  };
  // Choosing a scene says what is to be done with it: to see it next, or to work on it.
  const choose = (id: string, onAir: boolean) => {
    void layers.select(onAir ? null : id);
    if (studio && !onAir && blocked.control === null) void commands.preview(id);
  };

  // Every change of a layer raises its scene's revision, and the list is not told of those.
  const ask = (open: (scene: ListedScene) => void, scene: ListedScene) => {
    void store.load();
    open(scene);
  };
  const save = async (scene: ListedScene) => {
    const saved = await saveScene(session, scene, runtime.stream);
    setUnsaved(saved ? null : scene.name);
  };
  const rename = async (scene: ListedScene, name: string) => {
    const newest = store.list.get()?.scenes.find(({ id }) => id === scene.id);
    const done = await commands.rename(newest ?? scene, name);
    if (!done) void store.load();
    return done;
  };

  return (
    <section className="panel scenes" aria-labelledby="scenes-title">
      <header className="panel__head">
        <h2 id="scenes-title" className="panel__title">
          Scenes
        </h2>
        <label className="scenes__mode">
          <input
            type="checkbox"
            checked={studio}
            disabled={cannotControl !== null}
            onChange={(event) => setMode(event.target.checked)}
          />
          Studio mode
        </label>
        <button
          type="button"
          className="button"
          disabled={blocked.edit !== null || !list}
          title={blocked.edit ?? undefined}
          onClick={() => setAdding(true)}
        >
          <Plus size={16} aria-hidden />
          Add scene
        </button>
      </header>
      {failure && (
        <Message tone="bad" alert onDismiss={() => commands.dismiss()}>
          {failure.message}
        </Message>
      )}
      {unsaved !== null && (
        <Message tone="bad" alert onDismiss={() => setUnsaved(null)}>
          “{unsaved}” cannot be fetched now. Try again.
        </Message>
      )}
      {studio && cannotControl === null && (
        <PreviewPicture
          name={nameOf(list, state?.wanted_preview ?? null)}
          wanted={state !== null && isOnAir(state.status) && state.wanted_preview !== null}
        />
      )}
      <ol className="scenes__list" aria-label="Scenes">
        {list?.scenes.map((scene, index) => {
          const roles = rolesOf(scene.id, list, state);
          return (
            <SceneRow
              key={scene.id}
              scene={scene}
              roles={roles}
              isEdited={edited === scene.id || edited === scene.draft?.id}
              studio={studio}
              blocked={blocked}
              isFirst={index === 0}
              isLast={index === list.scenes.length - 1}
              onChoose={() => choose(scene.id, roles.onAir)}
              onTake={() => void commands.take(scene.id, transition)}
              onMove={(by) => void commands.move(list, scene.id, by)}
              onRename={() => ask(setRenaming, scene)}
              onDuplicate={() => void commands.duplicate(scene.id)}
              onSave={() => void save(scene)}
              onSlate={() => void commands.slate(roles.slate ? null : scene.id)}
              onDelete={() => ask(setDeleting, scene)}
            />
          );
        })}
      </ol>
      {cannotEdit === null && <ImportScene blocked={blocked.edit} />}
      <TakeBar
        transition={transition}
        onChange={setTransition}
        studio={studio}
        coming={coming}
        blocked={blocked.control ?? whyNoTake(list, state?.wanted_preview ?? null)}
        onTake={() => void commands.take(null, transition)}
        onCut={() => void commands.take(null, CUT)}
      />
      {adding && (
        <NameDialog
          title="Add a scene"
          action="Add scene"
          name=""
          onName={(name) => commands.create(name)}
          onClose={() => setAdding(false)}
        />
      )}
      {renaming && (
        <NameDialog
          title={`Rename “${renaming.name}”`}
          action="Rename"
          name={renaming.name}
          onName={(name) => rename(renaming, name)}
          onClose={() => setRenaming(null)}
        />
      )}
      {deleting && <DeleteSceneDialog scene={deleting} onClose={() => setDeleting(null)} />}
    </section>
  );
}

/** Why the scene in preview cannot be taken. */
function whyNoTake(list: SceneList | null, preview: string | null): string | null {
  if (preview === null) return "No scene is in preview.";
  return originalOf(list, preview) ? "A draft is in preview. Apply it to its scene." : null;
}
