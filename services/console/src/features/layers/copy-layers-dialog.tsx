import { useState } from "react";
import type { Failure } from "../../api/problem.ts";
import { useObservable } from "../../observable.ts";
import { useRuntime } from "../../runtime-context.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { Field } from "../../ui/fields.tsx";
import { Message } from "../../ui/message.tsx";

interface CopyLayersDialogProps {
  readonly layers: readonly string[];
  readonly onClose: () => void;
}

/** Asks for the scene that gets copies of the layers. */
export function CopyLayersDialog({ layers, onClose }: CopyLayersDialogProps) {
  const { groupCommands, layers: store, scenes } = useRuntime();
  const list = useObservable(scenes.list);
  const here = useObservable(store.scene)?.id;
  const others = (list?.scenes ?? []).filter(({ id }) => id !== here);
  const [chosen, setChosen] = useState<string | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const to = chosen ?? others[0]?.id;

  const copy = async () => {
    if (!to) return;
    const failed = await groupCommands.copy(layers, to);
    setFailure(failed);
    if (!failed) onClose();
  };

  const what = layers.length === 1 ? "1 layer" : `${layers.length} layers`;
  return (
    <Dialog title={`Copy ${what} to another scene`} onClose={onClose}>
      <div className="dialog__body">
        {others.length === 0 ? (
          <p>There is no other scene. Create one first.</p>
        ) : (
          <Field label="Scene">
            {(id) => (
              <select
                id={id}
                className="input"
                data-default
                value={to}
                onChange={(event) => setChosen(event.target.value)}
              >
                {others.map(({ id, name }) => (
                  <option key={id} value={id}>
                    {name}
                  </option>
                ))}
              </select>
            )}
          </Field>
        )}
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
        <button
          type="button"
          className="button button--primary"
          disabled={!to}
          onClick={() => void copy()}
        >
          Copy to the front
        </button>
      </div>
    </Dialog>
  );
}
