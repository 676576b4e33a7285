import { type FormEvent, useState } from "react";
import type { Failure } from "../../api/problem.ts";
import type { Layer, TransitionKind } from "../../api/types.ts";
import { useObservable } from "../../observable.ts";
import { useRuntime } from "../../runtime-context.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { FormField, NumberField, SelectField } from "../../ui/fields.tsx";
import { Message } from "../../ui/message.tsx";
import { changesLayer, DEEDS, type Draft, emptyDraft, MOMENTS, newSchedule } from "./draft.ts";

const TRANSITIONS: Record<TransitionKind, string> = {
  cut: "Cut",
  fade: "Fade",
  wipe: "Wipe",
  slide: "Slide",
};
/** What comes to an end. */
const PLAYED: readonly string[] = ["video", "audio", "playlist"];

/** Asks what is to be done, and when. */
export function ScheduleDialog({ onClose }: { readonly onClose: () => void }) {
  const { schedules, scenes, layers, serverClock } = useRuntime();
  const list = useObservable(scenes.list);
  // The layers are those of the scene that was shown when the dialog was opened.
  const [scene] = useState(() => layers.scene.get());
  const [draft, setDraft] = useState(() => first(emptyDraft(serverClock.now()), scene?.layers));
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const change = (changed: Partial<Draft>) => setDraft({ ...draft, ...changed });
  const sceneNames = Object.fromEntries(list?.scenes.map(({ id, name }) => [id, name]) ?? []);
  const played = scene?.layers.filter(({ kind }) => PLAYED.includes(kind)) ?? [];
  const after = draft.after || (list?.scenes[0]?.id ?? "");

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    const refused = await schedules.create(newSchedule({ ...draft, after }, scene?.id ?? null));
    setBusy(false);
    setFailure(refused);
    if (!refused) onClose();
  };
  const at = (pointer: string) =>
    failure?.fields.find((field) => field.pointer === pointer)?.detail ?? null;

  return (
    <Dialog title="Do something later" onClose={onClose}>
      <form onSubmit={submit}>
        <div className="dialog__body">
          <SelectField
            label="What"
            value={draft.deed}
            options={DEEDS}
            disabled={false}
            onChange={(deed) => change({ deed })}
          />
          {draft.deed === "take" && (
            <>
              <SelectField
                label="Scene"
                value={draft.taken}
                options={{ "": "The one in preview then", ...sceneNames }}
                disabled={false}
                onChange={(taken) => change({ taken })}
              />
              <SelectField
                label="Transition"
                value={draft.transition}
                options={TRANSITIONS}
                disabled={false}
                onChange={(transition) => change({ transition })}
              />
            </>
          )}
          {changesLayer(draft.deed) && (
            <SelectField
              label={`Layer of “${scene?.name ?? ""}”`}
              value={draft.layer}
              options={namesOf(scene?.layers ?? [])}
              disabled={false}
              onChange={(layer) => change({ layer })}
            />
          )}
          <SelectField
            label="When"
            value={draft.moment}
            options={MOMENTS}
            disabled={false}
            onChange={(moment) => change({ moment })}
          />
          {draft.moment === "at" && (
            <FormField
              label="Time"
              type="datetime-local"
              step={1}
              required
              value={draft.at}
              error={at("/trigger/at")}
              onChange={(time) => change({ at: time })}
            />
          )}
          {draft.moment === "after-take" && (
            <SelectField
              label="After the take of"
              value={after}
              options={sceneNames}
              disabled={false}
              onChange={(chosen) => change({ after: chosen })}
            />
          )}
          {draft.moment === "at-end" && <Ending draft={draft} played={played} change={change} />}
          {draft.moment !== "at" && (
            <NumberField
              label="How much later, in seconds"
              value={draft.delayS}
              min={0}
              max={86_400}
              decimals={1}
              disabled={false}
              onChange={(delayS) => change({ delayS })}
            />
          )}
          <FormField
            label="Name"
            placeholder={DEEDS[draft.deed]}
            maxLength={100}
            value={draft.name}
            error={at("/name")}
            onChange={(name) => change({ name })}
          />
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
            {busy ? "Adding…" : "Add"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

interface EndingProps {
  readonly draft: Draft;
  readonly played: readonly Layer[];
  readonly change: (changed: Partial<Draft>) => void;
}

function Ending({ draft, played, change }: EndingProps) {
  if (played.length === 0) {
    return <p className="field__note">The shown scene has no video, sound or playlist.</p>;
  }
  return (
    <SelectField
      label="At the end of"
      value={draft.ending}
      options={namesOf(played)}
      disabled={false}
      onChange={(ending) => change({ ending })}
    />
  );
}

function namesOf(layers: readonly Layer[]): Record<string, string> {
  return Object.fromEntries(layers.map(({ id, name }) => [id, name]));
}

/** The first layers that can be meant are, so that what is shown is what is sent. */
function first(draft: Draft, layers: readonly Layer[] | undefined): Draft {
  const ending = layers?.find(({ kind }) => PLAYED.includes(kind))?.id ?? "";
  return { ...draft, layer: layers?.[0]?.id ?? "", ending };
}
