import { type FormEvent, useState } from "react";
import { outcomeOf } from "../../api/client.ts";
import type { Failure } from "../../api/problem.ts";
import type { Group } from "../../api/types.ts";
import { useObservable } from "../../observable.ts";
import { useRuntime } from "../../runtime-context.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { FormField } from "../../ui/fields.tsx";
import { Message } from "../../ui/message.tsx";
import { askable, parametersOf, slug } from "./fields.ts";

interface SaveTemplateDialogProps {
  readonly group: Group;
  readonly onClose: () => void;
}

/** Saves a group as a template: what it is called, and what is asked for where it is used. */
export function SaveTemplateDialog({ group, onClose }: SaveTemplateDialogProps) {
  const { api, layers, stream } = useRuntime();
  const scene = useObservable(layers.scene);
  const members = scene?.layers.filter((layer) => layer.group === group.id) ?? [];
  const fields = askable(members);
  const [title, setTitle] = useState(group.name);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const name = slug(title);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy || name === "") return;
    setBusy(true);
    const asked = fields.filter((field) => chosen.has(keyOf(field)));
    const outcome = await outcomeOf(
      api.POST("/api/templates", {
        params: { query: { stream, scene: group.scene } },
        body: { name, title: title.trim(), group: group.id, parameters: parametersOf(asked) },
      }),
    );
    setBusy(false);
    setFailure(outcome.ok ? null : outcome.failure);
    if (outcome.ok) onClose();
  };

  return (
    <Dialog title={`Save “${group.name}” as a template`} onClose={onClose}>
      <form onSubmit={submit}>
        <div className="dialog__body">
          <FormField
            label="Name of the template"
            error={name === "" ? "Use a letter or a digit." : null}
            value={title}
            maxLength={100}
            onChange={setTitle}
          />
          {fields.length > 0 && (
            <fieldset>
              <legend className="field__label">Ask for, whenever it is used</legend>
              {fields.map((field) => (
                <label key={keyOf(field)} className="template-field">
                  <input
                    type="checkbox"
                    checked={chosen.has(keyOf(field))}
                    onChange={() => setChosen(toggled(chosen, keyOf(field)))}
                  />
                  {field.title}
                </label>
              ))}
            </fieldset>
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
            type="submit"
            className="button button--primary"
            disabled={name === ""}
            aria-disabled={busy}
          >
            {busy ? "Saving…" : "Save the template"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function keyOf({ layer, pointer }: { readonly layer: string; readonly pointer: string }): string {
  return `${layer} ${pointer}`;
}

function toggled(set: ReadonlySet<string>, key: string): ReadonlySet<string> {
  const next = new Set(set);
  if (!next.delete(key)) next.add(key);
  return next;
}
