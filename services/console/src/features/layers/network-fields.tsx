import type { Layer } from "../../api/types.ts";
import { DraftField, NumberField, SelectField } from "../../ui/fields.tsx";
import { ON_LOSS } from "./options.ts";
import type { Patch } from "./patch.ts";

type NetworkSource = Extract<Layer, { kind: "network" }>["source"];

interface NetworkFieldsProps {
  readonly source: NetworkSource;
  readonly disabled: boolean;
  readonly change: (source: Patch) => void;
}

/** Bytes of the key that an SRT passphrase makes. */
const KEY_LENGTHS = { "16": "128 bits", "24": "192 bits", "32": "256 bits" } as const;
type KeyLength = keyof typeof KEY_LENGTHS;

/** Where live sound and picture come from, and who asks for them. */
export function NetworkFields({ source, disabled, change }: NetworkFieldsProps) {
  const isSrt = source.url.startsWith("srt:");
  return (
    <>
      <DraftField
        label="Address"
        value={source.url}
        maxLength={2048}
        disabled={disabled}
        onCommit={(url) => {
          if (url.trim() !== "") change({ url: url.trim() });
          return url.trim() !== "";
        }}
      />
      {isSrt ? (
        <SrtFields source={source} disabled={disabled} change={change} />
      ) : (
        <div className="layer-editor__row">
          <DraftField
            label="User"
            value={source.user ?? ""}
            maxLength={256}
            disabled={disabled}
            onCommit={(user) => {
              // Without a user there is nobody whose password it is.
              change(user.trim() ? { user: user.trim() } : { user: null, password: null });
              return true;
            }}
          />
          <SecretField
            label="Password"
            member="password"
            isSet={source.has_password ?? false}
            maxLength={256}
            disabled={disabled || !source.user}
            change={change}
          />
        </div>
      )}
      <div className="layer-editor__row">
        <NumberField
          label="Latency (ms)"
          value={source.latency_ms ?? 500}
          min={20}
          max={8000}
          disabled={disabled}
          onChange={(latency_ms) => change({ latency_ms })}
        />
        <SelectField
          label="When it is lost"
          value={source.on_loss ?? "hide"}
          options={ON_LOSS}
          disabled={disabled}
          onChange={(on_loss) => change({ on_loss })}
        />
      </div>
    </>
  );
}

function SrtFields({ source, disabled, change }: NetworkFieldsProps) {
  const bytes = String(source.key_length ?? 16);
  return (
    <>
      <DraftField
        label="Stream id"
        value={source.stream_id ?? ""}
        maxLength={512}
        disabled={disabled}
        onCommit={(id) => {
          change({ stream_id: id.trim() || null });
          return true;
        }}
      />
      <div className="layer-editor__row">
        <SecretField
          label="Passphrase"
          member="passphrase"
          isSet={source.has_passphrase ?? false}
          maxLength={79}
          disabled={disabled}
          change={change}
        />
        <SelectField
          label="Key"
          value={bytes in KEY_LENGTHS ? (bytes as KeyLength) : "16"}
          options={KEY_LENGTHS}
          disabled={disabled}
          onChange={(length) => change({ key_length: Number(length) })}
        />
      </div>
    </>
  );
}

interface SecretFieldProps {
  readonly label: string;
  readonly member: "password" | "passphrase";
  readonly isSet: boolean;
  readonly maxLength: number;
  readonly disabled: boolean;
  readonly change: (source: Patch) => void;
}

/** A secret can be set and taken away, and is never shown. */
function SecretField({ label, member, isSet, maxLength, disabled, change }: SecretFieldProps) {
  return (
    <>
      <DraftField
        label={isSet ? `${label} (set; enter another to change it)` : label}
        isSecret
        value=""
        maxLength={maxLength}
        disabled={disabled}
        onCommit={(secret) => {
          change({ [member]: secret });
          return true;
        }}
      />
      {isSet && (
        <button
          type="button"
          className="button"
          disabled={disabled}
          onClick={() => change({ [member]: null })}
        >
          {`Take the ${label.toLowerCase()} away`}
        </button>
      )}
    </>
  );
}
