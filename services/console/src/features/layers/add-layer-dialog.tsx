import { type FormEvent, useEffect, useRef, useState } from "react";
import { outcomeOf } from "../../api/client.ts";
import type { Failure } from "../../api/problem.ts";
import type { LayerKind } from "../../api/types.ts";
import { useRuntime } from "../../runtime-context.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { ColorField, Field } from "../../ui/fields.tsx";
import { Message } from "../../ui/message.tsx";
import { KINDS, PATTERNS } from "./kinds.ts";
import { DEFAULT_CANVAS, type NewLayerInput, newLayer } from "./new-layer.ts";
import { ACCEPTED, upload } from "./upload.ts";

const EMPTY: NewLayerInput = {
  kind: "text",
  name: "",
  text: "Hello",
  color: "#2255aa",
  pattern: "smpte",
  url: "",
  asset: null,
};

const ACCEPT: Partial<Record<LayerKind, string>> = {
  image: ACCEPTED.image,
  audio: ACCEPTED.audio,
  video: ACCEPTED.video,
  playlist: Object.values(ACCEPTED).join(),
};

/** What is taken, in words. */
const FILES = {
  image: "PNG, JPEG, WebP, GIF or SVG",
  audio: "MP3, AAC, Ogg, FLAC or WAV",
  video: "MP4, WebM or Matroska",
  playlist: "The first picture, video or sound; more are added in its editor",
} as const;

export function AddLayerDialog({ onClose }: { readonly onClose: () => void }) {
  const { api, layers, session, state, stream } = useRuntime();
  const [input, setInput] = useState(EMPTY);
  const [file, setFile] = useState<File | null>(null);
  const [progress, setProgress] = useState<number | null>(null);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  // The layer goes into the scene that was shown when the dialog was opened.
  const [scene] = useState(() => layers.scene.get()?.id);
  const leaving = useRef<AbortController>(null);
  const needsFile = ACCEPT[input.kind] !== undefined;

  useEffect(() => {
    leaving.current = new AbortController();
    return () => leaving.current?.abort();
  }, []);

  const create = async (): Promise<Failure | null> => {
    let { asset } = input;
    if (needsFile && file && leaving.current) {
      setProgress(0);
      const sent = await upload(session, file, setProgress, leaving.current.signal);
      setProgress(null);
      if (!sent.ok) return sent.failure;
      asset = sent.asset;
    }
    const name = input.name.trim() || defaultName(input, file);
    const canvas = state.state.get()?.program ?? DEFAULT_CANVAS;
    const outcome = await outcomeOf(
      api.POST("/api/layers", {
        params: { query: scene ? { stream, scene } : { stream } },
        body: newLayer({ ...input, name, asset }, canvas),
      }),
    );
    if (!outcome.ok) return outcome.failure;
    if (layers.scene.get()?.id === outcome.data.scene) layers.add(outcome.data);
    return null;
  };

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setFailure(null);
    const failed = await create();
    setBusy(false);
    setFailure(failed);
    if (!failed) onClose();
  };

  return (
    <Dialog title="Add a layer" onClose={onClose}>
      <form onSubmit={submit}>
        <div className="dialog__body">
          <KindChoice kind={input.kind} onChoose={(kind) => setInput({ ...input, kind })} />
          <Field label="Name">
            {(id) => (
              <input
                id={id}
                className="input"
                maxLength={100}
                value={input.name}
                placeholder={defaultName(input, file)}
                onChange={(event) => setInput({ ...input, name: event.target.value })}
              />
            )}
          </Field>
          <KindFields input={input} setInput={setInput} setFile={setFile} />
          {progress !== null && (
            <Field label="Uploading">
              {(id) => <progress id={id} className="upload" value={progress} max={1} />}
            </Field>
          )}
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
            {busy ? "Adding…" : "Add to the front"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

interface KindChoiceProps {
  readonly kind: LayerKind;
  readonly onChoose: (kind: LayerKind) => void;
}

function KindChoice({ kind, onChoose }: KindChoiceProps) {
  return (
    <fieldset>
      <legend className="field__label">Kind</legend>
      <div className="kinds">
        {(Object.keys(KINDS) as LayerKind[]).map((other) => {
          const { label, icon: Icon } = KINDS[other];
          return (
            <label key={other} className="kinds__kind">
              <input
                type="radio"
                name="kind"
                checked={kind === other}
                data-default={kind === other || undefined}
                onChange={() => onChoose(other)}
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

interface KindFieldsProps {
  readonly input: NewLayerInput;
  readonly setInput: (input: NewLayerInput) => void;
  readonly setFile: (file: File | null) => void;
}

function KindFields({ input, setInput, setFile }: KindFieldsProps) {
  switch (input.kind) {
    case "text":
    case "ticker":
      return (
        <Field label="Text">
          {(id) => (
            <textarea
              id={id}
              className="input"
              rows={2}
              maxLength={2000}
              value={input.text}
              onChange={(event) => setInput({ ...input, text: event.target.value })}
            />
          )}
        </Field>
      );
    case "color":
    case "gradient":
      return (
        <ColorField
          label="Color"
          value={input.color}
          disabled={false}
          onChange={(color) => setInput({ ...input, color })}
        />
      );
    case "test-pattern":
      return (
        <Field label="Pattern">
          {(id) => (
            <select
              id={id}
              className="input"
              value={input.pattern}
              onChange={(event) => setInput({ ...input, pattern: event.target.value })}
            >
              {PATTERNS.map((pattern) => (
                <option key={pattern}>{pattern}</option>
              ))}
            </select>
          )}
        </Field>
      );
    case "network":
      return (
        <Field label="Address (rtmp, rtmps, rtsp, rtsps, srt, http or https)">
          {(id) => (
            <input
              id={id}
              className="input"
              required
              maxLength={2048}
              placeholder="rtmp://host/app/stream"
              value={input.url}
              onChange={(event) => setInput({ ...input, url: event.target.value })}
            />
          )}
        </Field>
      );
    case "web":
      return (
        <Field label="Address of the page (http or https)">
          {(id) => (
            <input
              id={id}
              className="input"
              type="url"
              required
              maxLength={2048}
              placeholder="https://example.com/overlay"
              value={input.url}
              onChange={(event) => setInput({ ...input, url: event.target.value })}
            />
          )}
        </Field>
      );
    case "image":
    case "audio":
    case "playlist":
    case "video":
      return (
        <Field label={FILES[input.kind]}>
          {(id) => (
            <input
              key={input.kind}
              id={id}
              className="input"
              type="file"
              accept={ACCEPT[input.kind]}
              required
              onChange={(event) => setFile(event.target.files?.[0] ?? null)}
            />
          )}
        </Field>
      );
    case "ingest":
      return (
        <p>
          OBS, ffmpeg or a phone publishes to it, by RTMP or SRT. Address and stream key are in its
          editor once it is there.
        </p>
      );
    case "chat":
    case "clock":
    case "countdown":
      return null;
  }
}

function defaultName({ kind }: NewLayerInput, file: File | null): string {
  const fromFile = ACCEPT[kind] && file ? file.name.replace(/\.[^.]+$/, "") : "";
  return (fromFile || KINDS[kind].label).slice(0, 100);
}
