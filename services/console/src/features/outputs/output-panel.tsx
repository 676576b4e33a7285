import { Plus } from "lucide-react";
import { Suspense, useEffect, useState } from "react";
import { useObservable } from "../../observable.ts";
import { useForbidden, useRuntime } from "../../runtime-context.ts";
import { lazily } from "../../ui/lazily.ts";
import { Message } from "../../ui/message.tsx";
import { useBlocked, useMayBeOld } from "../link/use-link.ts";
import { isOnAir } from "../stream/status.ts";
import { DeleteOutputDialog } from "./delete-output-dialog.tsx";
import { OutputRow } from "./output-row.tsx";
import { RecordButton } from "./record-button.tsx";
import { observedOf } from "./store.ts";
import "./outputs.css";

const AddOutputDialog = lazily(async () => (await import("./output-dialog.tsx")).AddOutputDialog);
const EditOutputDialog = lazily(async () => (await import("./output-dialog.tsx")).EditOutputDialog);

/** Bitrates change without an event; so often they are asked for while somebody looks. */
const FIGURES_MS = 5_000;

type Open =
  | { readonly kind: "add" }
  | { readonly kind: "edit" | "delete"; readonly id: string }
  | null;

/** Where the program goes. Only for who may steer the stream. */
export function OutputPanel() {
  const forbidden = useForbidden("control-stream");
  return forbidden ? null : <Panel />;
}

function Panel() {
  const { outputs: store, outputWriter, state: stream } = useRuntime();
  const outputs = useObservable(store.outputs);
  const failure = useObservable(store.failure);
  const busy = useObservable(outputWriter.busy);
  const failures = useObservable(outputWriter.failures);
  const state = useObservable(stream.state);
  const blocked = useBlocked();
  const old = useMayBeOld();
  const [open, setOpen] = useState<Open>(null);
  const close = () => setOpen(null);
  const opened = open && open.kind !== "add" ? store.output(open.id) : undefined;
  useFreshFigures(blocked === null && state !== null && isOnAir(state.status));

  return (
    <section className="panel outputs" aria-labelledby="outputs-title">
      <header className="panel__head">
        <h2 id="outputs-title" className="panel__title outputs__title">
          Outputs
        </h2>
        <RecordButton state={state} blocked={blocked} />
        <button
          type="button"
          className="button"
          disabled={blocked !== null || !outputs}
          title={blocked ?? undefined}
          onClick={() => setOpen({ kind: "add" })}
        >
          <Plus size={16} aria-hidden />
          Add output
        </button>
      </header>
      {failure && (
        <Message
          tone="warn"
          actions={
            <button type="button" className="button" onClick={() => void store.load()}>
              Try again
            </button>
          }
        >
          The outputs could not be read. {failure.message}
        </Message>
      )}
      {!outputs && !failure && <p className="outputs__note">Waiting for the outputs…</p>}
      <ul className="outputs__list" aria-label="Outputs" data-old={old || undefined}>
        {outputs?.map((output) => (
          <OutputRow
            key={output.id}
            output={output}
            observed={observedOf(output, state)}
            isBusy={busy.has(output.id)}
            blocked={blocked}
            failure={failures.get(output.id) ?? null}
            onEdit={() => setOpen({ kind: "edit", id: output.id })}
            onDelete={() => setOpen({ kind: "delete", id: output.id })}
          />
        ))}
      </ul>
      <Suspense>
        {open?.kind === "add" && <AddOutputDialog onClose={close} />}
        {open?.kind === "edit" && opened && <EditOutputDialog output={opened} onClose={close} />}
      </Suspense>
      {open?.kind === "delete" && opened && <DeleteOutputDialog output={opened} onClose={close} />}
    </section>
  );
}

function useFreshFigures(wanted: boolean): void {
  const { outputs } = useRuntime();
  useEffect(() => {
    if (!wanted) return;
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") void outputs.load();
    }, FIGURES_MS);
    return () => clearInterval(timer);
  }, [wanted, outputs]);
}
