import { Download, RefreshCw, Trash2 } from "lucide-react";
import { useEffect, useState } from "react";
import type { Recording } from "../../api/types.ts";
import { useObservable } from "../../observable.ts";
import { useForbidden, useRuntime } from "../../runtime-context.ts";
import { formatBytes, formatElapsed, formatTime, formatUtc } from "../../ui/format.ts";
import { IconButton } from "../../ui/icon-button.tsx";
import { Message } from "../../ui/message.tsx";
import { useBlocked } from "../link/use-link.ts";
import { DeleteRecordingDialog } from "./delete-recording-dialog.tsx";
import { keyOf, lengthOf } from "./store.ts";
import "./recordings.css";

/** Files grow and end without an event; so often they are asked for while somebody looks. */
const LIST_MS = 10_000;

/** What was recorded. Only for who may steer the stream. */
export function RecordingPanel() {
  const forbidden = useForbidden("control-stream");
  return forbidden ? null : <Panel />;
}

function Panel() {
  const { recordings: store, outputs: outputStore } = useRuntime();
  const recordings = useObservable(store.recordings);
  const failure = useObservable(store.failure);
  const outputs = useObservable(outputStore.outputs);
  const blocked = useBlocked();
  const [deleting, setDeleting] = useState<Recording | null>(null);
  const nameOf = (id: string) => outputs?.find((output) => output.id === id)?.name ?? id;
  useFreshList(blocked === null);

  return (
    <section className="panel recordings" aria-labelledby="recordings-title">
      <header className="panel__head">
        <h2 id="recordings-title" className="panel__title recordings__title">
          Recordings
        </h2>
        <IconButton
          icon={RefreshCw}
          label="Look for recordings again"
          disabled={blocked !== null}
          onClick={() => void store.load()}
        />
      </header>
      {failure && (
        <Message tone="warn">The recordings could not be read. {failure.message}</Message>
      )}
      {recordings?.length === 0 && <p className="recordings__note">Nothing was recorded yet.</p>}
      <ul className="recordings__list" aria-label="Recordings">
        {recordings?.map((recording) => (
          <Row
            key={keyOf(recording)}
            recording={recording}
            name={nameOf(recording.output)}
            blocked={blocked}
            onDelete={() => setDeleting(recording)}
          />
        ))}
      </ul>
      {deleting && (
        <DeleteRecordingDialog
          recording={deleting}
          name={nameOf(deleting.output)}
          onClose={() => setDeleting(null)}
        />
      )}
    </section>
  );
}

interface RowProps {
  readonly recording: Recording;
  readonly name: string;
  readonly blocked: string | null;
  readonly onDelete: () => void;
}

function Row({ recording, name, blocked, onDelete }: RowProps) {
  const { recordings: store, session } = useRuntime();
  const { file, started_at, finished } = recording;
  const [size, unit] = formatBytes(recording.bytes);
  const began = `${new Date(started_at).toLocaleDateString("en-GB")} ${formatTime(started_at)}`;
  const [failed, setFailed] = useState(false);

  const download = async () => {
    // A browser that saves a file sends no header: it is let in by a cookie.
    const proven = await session.proveByCookie();
    setFailed(!proven);
    if (!proven) return;
    const link = document.createElement("a");
    link.href = store.address(recording);
    link.download = `${recording.output}-${file}`;
    link.click();
  };

  return (
    <li className="recording" data-file={file} title={blocked ?? undefined}>
      <div className="recording__what">
        <span className="recording__name" title={formatUtc(started_at)}>
          {name} · {began}
        </span>
        <span className="recording__figures">
          {formatElapsed(lengthOf(recording))} · {size} {unit}
          {!finished && " · being written"}
        </span>
        {failed && <span className="recording__failure">It cannot be fetched now. Try again.</span>}
      </div>
      <IconButton
        icon={Download}
        label={`Download ${file} of ${name}`}
        disabled={blocked !== null}
        onClick={() => void download()}
      />
      <IconButton
        icon={Trash2}
        label={finished ? `Delete ${file} of ${name}` : `${file} of ${name} is being written`}
        disabled={blocked !== null || !finished}
        onClick={onDelete}
      />
    </li>
  );
}

function useFreshList(wanted: boolean): void {
  const { recordings } = useRuntime();
  useEffect(() => {
    if (!wanted) return;
    void recordings.load();
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") void recordings.load();
    }, LIST_MS);
    return () => clearInterval(timer);
  }, [wanted, recordings]);
}
