import { type FormEvent, useState } from "react";
import type { Failure } from "../../api/problem.ts";
import { useRuntime } from "../../runtime-context.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { CheckField, FormField, SelectField } from "../../ui/fields.tsx";
import { Message } from "../../ui/message.tsx";
import { DURATIONS, type DurationChoice, secondsOf } from "./words.ts";

interface SilenceDialogProps {
  readonly user: string;
  readonly name: string;
  readonly onClose: () => void;
}

/** For how long somebody may not write, why, and what becomes of what they wrote. */
export function SilenceDialog({ user, name, onClose }: SilenceDialogProps) {
  const { moderation } = useRuntime();
  const [length, setLength] = useState<DurationChoice>("600");
  const [reason, setReason] = useState("");
  const [deleteMessages, setDeleteMessages] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    const failed = await moderation.silence(user, {
      seconds: secondsOf(length),
      reason: reason.trim() || null,
      delete_messages: deleteMessages,
    });
    setBusy(false);
    setFailure(failed);
    if (!failed) onClose();
  };

  return (
    <Dialog title={`Silence ${name}?`} onClose={onClose}>
      <form onSubmit={submit}>
        <div className="dialog__body">
          <SelectField
            label="For how long"
            value={length}
            options={DURATIONS}
            disabled={busy}
            onChange={setLength}
          />
          <FormField
            label="Reason"
            hint="Moderators see it, nobody else."
            error={null}
            maxLength={200}
            value={reason}
            onChange={setReason}
          />
          <CheckField
            label="Delete what they wrote lately"
            checked={deleteMessages}
            disabled={busy}
            onChange={setDeleteMessages}
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
          <button type="submit" className="button button--danger" data-default aria-disabled={busy}>
            Silence
          </button>
        </div>
      </form>
    </Dialog>
  );
}
