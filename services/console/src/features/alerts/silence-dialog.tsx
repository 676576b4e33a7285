import { useState } from "react";
import type { Failure } from "../../api/problem.ts";
import type { Alert } from "../../api/types.ts";
import { useRuntime } from "../../runtime-context.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { FormField, SelectField } from "../../ui/fields.tsx";
import { Message } from "../../ui/message.tsx";

const LENGTHS = {
  "30": "30 minutes",
  "120": "2 hours",
  "720": "12 hours",
  "10080": "7 days",
} as const;

interface SilenceDialogProps {
  readonly alert: Alert;
  readonly onClose: () => void;
}

/** Lets nobody be told of a rule's alerts for a while. */
export function SilenceDialog({ alert, onClose }: SilenceDialogProps) {
  const { alerts } = useRuntime();
  const [minutes, setMinutes] = useState<keyof typeof LENGTHS>("30");
  const [comment, setComment] = useState("");
  const [failure, setFailure] = useState<Failure | null>(null);
  const silence = async () => {
    const failed = await alerts.silence(alert.rule, Number(minutes), comment);
    setFailure(failed);
    if (!failed) onClose();
  };
  return (
    <Dialog title={`Silence “${alert.name}”?`} onClose={onClose}>
      <div className="dialog__body">
        <p>It goes on firing, and nobody is sent it. What still fires then is sent at the end.</p>
        {failure && (
          <Message tone="bad" alert>
            {failure.fields[0]?.detail ?? failure.message}
          </Message>
        )}
        <SelectField
          label="For"
          value={minutes}
          options={LENGTHS}
          disabled={false}
          onChange={setMinutes}
        />
        <FormField label="Why" error={null} value={comment} maxLength={500} onChange={setComment} />
      </div>
      <div className="dialog__actions">
        <button type="button" className="button" onClick={onClose}>
          Cancel
        </button>
        <button
          type="button"
          className="button button--primary"
          disabled={comment.trim() === ""}
          onClick={() => void silence()}
        >
          Silence
        </button>
      </div>
    </Dialog>
  );
}
