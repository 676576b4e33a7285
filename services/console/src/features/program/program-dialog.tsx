import { type FormEvent, useState } from "react";
import type { Failure } from "../../api/problem.ts";
import type { ProgramFormat } from "../../api/types.ts";
import { useRuntime } from "../../runtime-context.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { FormField, SelectField } from "../../ui/fields.tsx";
import { Message } from "../../ui/message.tsx";
import { faultsOf } from "../outputs/faults.ts";
import {
  changeOf,
  draftOf,
  ENCODERS,
  interrupts,
  NUMBERS,
  PRESETS,
  PROFILES,
  withEncoder,
} from "./draft.ts";
import { configure } from "./writer.ts";

interface ProgramDialogProps {
  readonly format: ProgramFormat;
  readonly isOnAir: boolean;
  readonly onClose: () => void;
}

/** The program's settings, and what changing them interrupts. */
export function ProgramDialog({ format, isOnAir, onClose }: ProgramDialogProps) {
  const { api, stream } = useRuntime();
  const [seen] = useState(() => draftOf(format));
  const [draft, setDraft] = useState(seen);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [refusal, setRefusal] = useState<string | null>(null);
  const change = changeOf(seen, draft);
  const pointers = [...NUMBERS, "profile"].map((member) => `/program/${member}`);
  const faults = faultsOf(failure, pointers);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy) return;
    if (!change) return onClose();
    setBusy(true);
    setFailure(null);
    setRefusal(null);
    const answer = await configure(api, stream, change);
    setBusy(false);
    if ("failure" in answer) setFailure(answer.failure);
    else if (answer.operation.status === "failed") {
      setRefusal(answer.operation.detail ?? "The engine refused it.");
    } else onClose();
  };

  const field = (member: (typeof NUMBERS)[number], label: string, hint?: string) => (
    <FormField
      label={label}
      hint={hint}
      inputMode="numeric"
      value={draft[member]}
      error={faults.at(`/program/${member}`)}
      onChange={(text) => setDraft({ ...draft, [member]: text })}
    />
  );

  return (
    <Dialog title="Program settings" onClose={onClose}>
      <form onSubmit={submit} autoComplete="off">
        <div className="dialog__body">
          <fieldset className="program__group">
            <legend>
              {seen.encoder === "x264"
                ? "Changes without interruption"
                : "Bitrates; that of the picture takes a new encoder"}
            </legend>
            {field("video_bitrate_kbps", "Video bitrate (kbit/s)")}
            {field("audio_bitrate_kbps", "Audio bitrate (kbit/s)")}
          </fieldset>
          <fieldset className="program__group">
            <legend>Takes new encoders</legend>
            {field("width", "Width")}
            {field("height", "Height")}
            {field("framerate", "Frames per second")}
            {field("keyframe_interval_ms", "Keyframe interval (ms)", "The length of a segment")}
            <SelectField
              label="Encoder"
              value={draft.encoder}
              options={ENCODERS}
              disabled={false}
              onChange={(encoder) => setDraft(withEncoder(draft, encoder))}
            />
            <SelectField
              label="Preset"
              value={draft.preset}
              options={PRESETS}
              disabled={false}
              onChange={(preset) => setDraft({ ...draft, preset })}
            />
            <SelectField
              label="Profile"
              value={draft.profile}
              options={PROFILES}
              disabled={draft.encoder === "openh264"}
              onChange={(profile) => setDraft({ ...draft, profile })}
            />
          </fieldset>
          {isOnAir && interrupts(seen, change) && (
            <Message tone="warn">
              Players see a short discontinuity, connections to servers begin anew, and recordings
              begin a new file.
            </Message>
          )}
          {(faults.rest ?? refusal) && (
            <Message tone="bad" alert>
              {faults.rest ?? refusal}
            </Message>
          )}
        </div>
        <div className="dialog__actions">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button button--primary" aria-disabled={busy}>
            {busy ? "Saving…" : "Save"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
