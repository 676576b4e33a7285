import { useState } from "react";
import type { Failure } from "../../api/problem.ts";
import type { OutputView } from "../../api/types.ts";
import { useObservable } from "../../observable.ts";
import { useRuntime } from "../../runtime-context.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { Message } from "../../ui/message.tsx";
import { observedOf } from "./store.ts";

interface DeleteOutputDialogProps {
  readonly output: OutputView;
  readonly onClose: () => void;
}

export function DeleteOutputDialog({ output, onClose }: DeleteOutputDialogProps) {
  const { outputWriter, state } = useRuntime();
  const [failure, setFailure] = useState<Failure | null>(null);
  const observed = observedOf(output, useObservable(state.state));
  const isSending = observed !== null && observed.status !== "stopped";

  const remove = async () => {
    const failed = await outputWriter.remove(output);
    setFailure(failed);
    if (!failed) onClose();
  };

  return (
    <Dialog title={`Delete “${output.name}”?`} onClose={onClose}>
      <div className="dialog__body">
        <p>
          {isSending ? "It is in use now and ends at once. " : "It sends nothing now. "}
          The other outputs go on undisturbed{output.kind === "file" && ", and its files stay"}.
        </p>
        {failure && (
          <Message tone="bad" alert>
            {failure.status === 412
              ? "Somebody changed this output meanwhile. Delete it anyway?"
              : failure.message}
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
