import { Field, FormField } from "../../ui/fields.tsx";
import type { Draft } from "./draft.ts";
import type { Faults } from "./faults.ts";

interface TargetFieldsProps {
  readonly draft: Draft;
  readonly faults: Faults;
  /** Whether a key or a passphrase is kept already. */
  readonly hasSecret: boolean;
  readonly onChange: (draft: Draft) => void;
}

/** The fields of a kind's target, as the server names them when it refuses one. */
export function shownPointers({ kind }: Draft): readonly string[] {
  switch (kind) {
    case "rtmp":
      return ["/target/url", "/target/key"];
    case "srt":
      return ["/target/url", "/target/stream_id", "/target/passphrase", "/target/latency_ms"];
    case "file":
      return ["/target/split_s", "/target/split_bytes", "/target/keep_files", "/target/keep_s"];
  }
}

/** Where the output goes, by kind. */
export function TargetFields(props: TargetFieldsProps) {
  switch (props.draft.kind) {
    case "rtmp":
      return <RtmpFields {...props} />;
    case "srt":
      return <SrtFields {...props} />;
    case "file":
      return <FileFields {...props} />;
  }
}

function RtmpFields(props: TargetFieldsProps) {
  const { draft, faults, onChange } = props;
  return (
    <>
      <FormField
        label="Address"
        value={draft.url}
        required
        maxLength={2000}
        placeholder="rtmps://live.example.com/app"
        spellCheck={false}
        error={faults.at("/target/url")}
        onChange={(url) => onChange({ ...draft, url })}
      />
      <SecretField {...props} label="Stream key" pointer="/target/key" maxLength={1000} />
    </>
  );
}

function SrtFields(props: TargetFieldsProps) {
  const { draft, faults, onChange } = props;
  const isListener = draft.mode === "listener";
  return (
    <>
      <Field label="Who calls">
        {(id) => (
          <select
            id={id}
            className="input"
            value={draft.mode}
            onChange={({ target }) =>
              onChange({ ...draft, mode: target.value === "listener" ? "listener" : "caller" })
            }
          >
            <option value="caller">We call the address</option>
            <option value="listener">We listen, for any number of readers</option>
          </select>
        )}
      </Field>
      <FormField
        label={isListener ? "Address to listen on" : "Address"}
        value={draft.url}
        required
        maxLength={2000}
        placeholder={isListener ? "srt://0.0.0.0:9000" : "srt://ingest.example.com:9000"}
        spellCheck={false}
        error={faults.at("/target/url")}
        onChange={(url) => onChange({ ...draft, url })}
      />
      <SecretField
        {...props}
        label="Passphrase"
        pointer="/target/passphrase"
        hint="10 to 79 characters; without one the connection is not encrypted."
        maxLength={79}
      />
      <div className="form-row">
        <FormField
          label="Stream id"
          value={draft.streamId}
          maxLength={512}
          spellCheck={false}
          error={faults.at("/target/stream_id")}
          onChange={(streamId) => onChange({ ...draft, streamId })}
        />
        <FormField
          label="Latency (ms)"
          type="number"
          min={20}
          max={8000}
          value={draft.latencyMs}
          error={faults.at("/target/latency_ms")}
          onChange={(latencyMs) => onChange({ ...draft, latencyMs })}
        />
      </div>
    </>
  );
}

function FileFields({ draft, faults, onChange }: TargetFieldsProps) {
  return (
    <>
      <Field label="Container">
        {(id) => (
          <select
            id={id}
            className="input"
            value={draft.format}
            onChange={({ target }) =>
              onChange({ ...draft, format: target.value === "mkv" ? "mkv" : "mp4" })
            }
          >
            <option value="mp4">MP4, playable while it is written</option>
            <option value="mkv">Matroska</option>
          </select>
        )}
      </Field>
      <fieldset>
        <legend className="field__label">A new file begins after (empty: never)</legend>
        <div className="form-row">
          <FormField
            label="Seconds"
            type="number"
            min={10}
            max={86_400}
            value={draft.splitSeconds}
            error={faults.at("/target/split_s")}
            onChange={(splitSeconds) => onChange({ ...draft, splitSeconds })}
          />
          <FormField
            label="MiB"
            type="number"
            min={1}
            step="any"
            value={draft.splitMebibytes}
            error={faults.at("/target/split_bytes")}
            onChange={(splitMebibytes) => onChange({ ...draft, splitMebibytes })}
          />
        </div>
      </fieldset>
      <fieldset>
        <legend className="field__label">Kept are (empty: all, for ever)</legend>
        <div className="form-row">
          <FormField
            label="Newest files"
            type="number"
            min={1}
            max={10_000}
            value={draft.keepFiles}
            error={faults.at("/target/keep_files")}
            onChange={(keepFiles) => onChange({ ...draft, keepFiles })}
          />
          <FormField
            label="Hours"
            type="number"
            min={0}
            step="any"
            value={draft.keepHours}
            error={faults.at("/target/keep_s")}
            onChange={(keepHours) => onChange({ ...draft, keepHours })}
          />
        </div>
      </fieldset>
    </>
  );
}

interface SecretFieldProps extends TargetFieldsProps {
  readonly label: string;
  readonly pointer: string;
  readonly hint?: string;
  readonly maxLength: number;
}

/** A secret is written, never read: of a kept one only that there is one. */
function SecretField(props: SecretFieldProps) {
  const { draft, faults, hasSecret, onChange } = props;
  return (
    <>
      <FormField
        label={props.label}
        type="password"
        autoComplete="new-password"
        value={draft.secret}
        maxLength={props.maxLength}
        disabled={draft.forgetSecret}
        placeholder={hasSecret ? "One is kept; type to replace it" : ""}
        hint={props.hint}
        error={faults.at(props.pointer)}
        onChange={(secret) => onChange({ ...draft, secret })}
      />
      {hasSecret && (
        <label className="check">
          <input
            type="checkbox"
            checked={draft.forgetSecret}
            onChange={({ target }) =>
              onChange({ ...draft, forgetSecret: target.checked, secret: "" })
            }
          />
          Take the kept one away
        </label>
      )}
    </>
  );
}
