import { useState } from "react";
import type { Failure } from "../../api/problem.ts";
import type { Recording } from "../../api/types.ts";
import { useRuntime } from "../../runtime-context.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { Message } from "../../ui/message.tsx";

interface DeleteRecordingDialogProps {
  readonly recording: Recording;
  /** The name of its output. */
  readonly name: string;
  readonly onClose: () => void;
}

export function DeleteRecordingDialog({ recording, name, onClose }: DeleteRecordingDialogProps) {
  const { recordings } = useRuntime();
  const [failure, setFailure] = useState<Failure | null>(null);

  const remove = async () => {
    const failed = await recordings.remove(recording);
    setFailure(failed);
    if (!failed) onClose();
  };

  return (
    <Dialog title={`Delete this recording of “${name}”?`} onClose={onClose}>
      <div className="dialog__body">
        <p>
          <code>{recording.file}</code> is deleted from the engine's disk, and cannot be brought
          back.
        </p>
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
