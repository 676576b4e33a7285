import { type FormEvent, useState } from "react";
import type { ListedScene } from "../../api/types.ts";
import { useObservable } from "../../observable.ts";
import { useRuntime } from "../../runtime-context.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { Field } from "../../ui/fields.tsx";
import { Message } from "../../ui/message.tsx";

interface NameDialogProps {
  readonly title: string;
  readonly action: string;
  readonly name: string;
  /** Whether it was done. */
  readonly onName: (name: string) => Promise<boolean>;
  readonly onClose: () => void;
}

export function NameDialog({ title, action, name: initial, onName, onClose }: NameDialogProps) {
  const { sceneCommands } = useRuntime();
  const busy = useObservable(sceneCommands.busy);
  const failure = useObservable(sceneCommands.failure);
  const [name, setName] = useState(initial);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (name.trim() && (await onName(name.trim()))) onClose();
  };

  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit}>
        <div className="dialog__body">
          <Field label="Name">
            {(id) => (
              <input
                id={id}
                className="input"
                maxLength={100}
                required
                data-default
                value={name}
                onChange={(event) => setName(event.target.value)}
              />
            )}
          </Field>
          {failure && (
            <Message tone="bad" alert>
              {failure.message}
            </Message>
          )}
        </div>
        <div className="dialog__actions">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button button--primary" aria-disabled={busy}>
            {action}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

interface DeleteSceneDialogProps {
  readonly scene: ListedScene;
  readonly onClose: () => void;
}

export function DeleteSceneDialog({ scene, onClose }: DeleteSceneDialogProps) {
  const { scenes, sceneCommands } = useRuntime();
  const list = useObservable(scenes.list);
  const failure = useObservable(sceneCommands.failure);
  // What is deleted is the newest that was told of.
  const newest = list?.scenes.find(({ id }) => id === scene.id) ?? scene;
  const layers = newest.layer_count === 1 ? "1 layer" : `${newest.layer_count} layers`;

  const remove = async () => {
    if (await sceneCommands.delete(newest)) onClose();
    else await scenes.load();
  };

  return (
    <Dialog title={`Delete “${newest.name}”?`} onClose={onClose}>
      <div className="dialog__body">
        <p>It goes with its {layers}. This cannot be undone.</p>
        {failure && (
          <Message tone="bad" alert>
            {failure.message}
          </Message>
        )}
      </div>
      <div className="dialog__actions">
        <button type="button" className="button" data-default onClick={onClose}>
          Keep it
        </button>
        <button type="button" className="button button--danger" onClick={remove}>
          Delete
        </button>
      </div>
    </Dialog>
  );
}
