import { type FormEvent, type ReactNode, useState } from "react";
import type { Failure } from "../../api/problem.ts";
import type { OutputView } from "../../api/types.ts";
import { useRuntime } from "../../runtime-context.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { FormField } from "../../ui/fields.tsx";
import { Message } from "../../ui/message.tsx";
import { AdaptiveFields } from "./adaptive-fields.tsx";
import {
  canAdapt,
  type Draft,
  draftOf,
  EMPTY,
  hasSecret,
  newOutput,
  outputPatch,
  rebased,
} from "./draft.ts";
import { faultsOf } from "./faults.ts";
import { shownPointers, TargetFields } from "./target-fields.tsx";
import { ADDABLE, KINDS } from "./words.ts";

export function AddOutputDialog({ onClose }: { readonly onClose: () => void }) {
  const { outputWriter } = useRuntime();
  const [draft, setDraft] = useState(EMPTY);
  const name = draft.name.trim() || KINDS[draft.kind].label;
  return (
    <OutputForm
      title="Add an output"
      submit="Add"
      busy="Adding…"
      draft={draft}
      namePlaceholder={KINDS[draft.kind].label}
      onChange={setDraft}
      hasSecret={false}
      onSubmit={() => outputWriter.create(newOutput({ ...draft, name }))}
      onClose={onClose}
    >
      <KindChoice draft={draft} onChange={setDraft} />
      <p className="outputs__hint">It begins at once while the stream is on air.</p>
    </OutputForm>
  );
}

interface EditOutputDialogProps {
  /** The newest version; somebody else may change it while the form is open. */
  readonly output: OutputView;
  readonly onClose: () => void;
}

export function EditOutputDialog({ output, onClose }: EditOutputDialogProps) {
  const { outputWriter, outputs } = useRuntime();
  const [seen, setSeen] = useState(output);
  const [draft, setDraft] = useState(() => draftOf(output));

  const save = async (): Promise<Failure | null> => {
    const patch = outputPatch(draftOf(seen), draft);
    const failure = patch ? await outputWriter.update(seen, patch) : null;
    const theirs = outputs.output(seen.id);
    if (failure?.status !== 412 || !theirs) return failure;
    setDraft(rebased(draftOf(seen), draft, draftOf(theirs)));
    setSeen(theirs);
    return { ...failure, message: OUTDATED };
  };

  return (
    <OutputForm
      title={`Edit “${seen.name}”`}
      submit="Save"
      busy="Saving…"
      draft={draft}
      onChange={setDraft}
      hasSecret={hasSecret(seen)}
      onSubmit={save}
      onClose={onClose}
    >
      <p className="outputs__hint">A changed target begins anew; the other outputs go on.</p>
    </OutputForm>
  );
}

const OUTDATED =
  "Somebody else changed this output meanwhile. Their changes are filled in beside yours: look at them and save again.";

interface OutputFormProps {
  readonly title: string;
  readonly submit: string;
  readonly busy: string;
  readonly draft: Draft;
  /** What it is called when nothing is filled in; absent: a name is needed. */
  readonly namePlaceholder?: string;
  readonly hasSecret: boolean;
  readonly onChange: (draft: Draft) => void;
  /** Sends it; the result says why it was refused. */
  readonly onSubmit: () => Promise<Failure | null>;
  readonly onClose: () => void;
  readonly children: ReactNode;
}

interface Refusal {
  readonly kind: Draft["kind"];
  readonly failure: Failure;
}

function adaptivePointers(draft: Draft): readonly string[] {
  return canAdapt(draft) && draft.adaptive ? ["/adaptive/min_kbps"] : [];
}

function OutputForm(props: OutputFormProps) {
  const { draft, onChange, onClose } = props;
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  // What was refused of one kind says nothing about another.
  const failure = refusal?.kind === draft.kind ? refusal.failure : null;
  const faults = faultsOf(failure, ["/name", ...shownPointers(draft), ...adaptivePointers(draft)]);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setRefusal(null);
    const failed = await props.onSubmit();
    setBusy(false);
    if (failed) setRefusal({ kind: draft.kind, failure: failed });
    else onClose();
  };

  return (
    <Dialog title={props.title} onClose={onClose}>
      <form onSubmit={submit} autoComplete="off">
        <div className="dialog__body">
          {props.children}
          <FormField
            label="Name"
            value={draft.name}
            maxLength={100}
            required={props.namePlaceholder === undefined}
            placeholder={props.namePlaceholder}
            error={faults.at("/name")}
            onChange={(name) => onChange({ ...draft, name })}
          />
          <TargetFields
            draft={draft}
            faults={faults}
            hasSecret={props.hasSecret}
            onChange={onChange}
          />
          {canAdapt(draft) && <AdaptiveFields draft={draft} faults={faults} onChange={onChange} />}
          {faults.rest && (
            <Message tone="bad" alert>
              {faults.rest}
            </Message>
          )}
        </div>
        <div className="dialog__actions">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button button--primary" aria-disabled={busy}>
            {busy ? props.busy : props.submit}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

interface KindChoiceProps {
  readonly draft: Draft;
  readonly onChange: (draft: Draft) => void;
}

function KindChoice({ draft, onChange }: KindChoiceProps) {
  return (
    <fieldset>
      <legend className="field__label">Kind</legend>
      <div className="kinds">
        {ADDABLE.map((kind) => {
          const { label, icon: Icon, about } = KINDS[kind];
          return (
            <label key={kind} className="kinds__kind" title={about}>
              <input
                type="radio"
                name="kind"
                checked={draft.kind === kind}
                data-default={draft.kind === kind || undefined}
                // A secret of one kind is none of another.
                onChange={() => onChange({ ...draft, kind, secret: "" })}
              />
              <span>
                <Icon size={20} aria-hidden />
                {label}
              </span>
            </label>
          );
        })}
      </div>
    </fieldset>
  );
}
