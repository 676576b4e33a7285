import { Circle, Square } from "lucide-react";
import type { StreamState } from "../../api/types.ts";
import { useObservable } from "../../observable.ts";
import { useRuntime } from "../../runtime-context.ts";
import { Message } from "../../ui/message.tsx";
import { expectsPicture } from "../stream/status.ts";
import { RECORDING } from "./store.ts";

interface RecordButtonProps {
  readonly state: StreamState | null;
  /** Why nothing can be asked for now; `null` when it can. */
  readonly blocked: string | null;
}

/** Begins and ends the recording. An ended one does not begin again with the next start. */
export function RecordButton({ state, blocked }: RecordButtonProps) {
  const { outputs, outputWriter } = useRuntime();
  const recording = useObservable(outputs.outputs)?.find(({ id }) => id === RECORDING);
  const failures = useObservable(outputWriter.failures);
  const isBusy = useObservable(outputWriter.busy).has(RECORDING);
  const isOn = recording?.enabled ?? false;
  const offAir = !isOn && !(state && expectsPicture(state.status));
  const reason = blocked ?? (offAir ? "Nothing is on air to be recorded." : null);
  const Icon = isOn ? Square : Circle;
  // With a row of its own it is told there.
  const failure = recording ? null : failures.get(RECORDING);

  return (
    <>
      <button
        type="button"
        className="button outputs__record"
        data-on={isOn || undefined}
        aria-disabled={reason !== null || isBusy}
        title={reason ?? undefined}
        onClick={() => {
          if (!reason) void outputWriter.record(!isOn);
        }}
      >
        <Icon size={14} aria-hidden />
        {isOn ? "Stop recording" : "Record"}
      </button>
      {failure && (
        <Message tone="bad" alert onDismiss={() => outputWriter.dismiss(RECORDING)}>
          Not recorded. {failure.message}
        </Message>
      )}
    </>
  );
}
