import { Check, Copy, Eye, EyeOff } from "lucide-react";
import { useCallback, useEffect, useState } from "react";
import { outcomeOf } from "../../api/client.ts";
import type { Failure } from "../../api/problem.ts";
import type { IngestAccess, Layer } from "../../api/types.ts";
import { useForbidden, useRuntime } from "../../runtime-context.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { Field } from "../../ui/fields.tsx";
import { IconButton } from "../../ui/icon-button.tsx";
import { Message } from "../../ui/message.tsx";

type IngestLayer = Extract<Layer, { kind: "ingest" }>;

interface IngestPanelProps {
  readonly layer: IngestLayer;
  readonly disabled: boolean;
}

/** Where an encoder publishes to the layer, and with which key. The key is asked for, not kept. */
export function IngestPanel({ layer, disabled }: IngestPanelProps) {
  const { api } = useRuntime();
  const forbidden = useForbidden("edit-layers");
  const [access, setAccess] = useState<IngestAccess | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [asking, setAsking] = useState(false);
  const { id, stream, scene } = layer;
  const { generation, protocol = "rtmp" } = layer.source;

  const load = useCallback(
    async (isWanted: () => boolean) => {
      const params = { path: { id }, query: { stream, scene } };
      const outcome = await outcomeOf(api.GET("/api/layers/{id}/ingest", { params }));
      if (!isWanted()) return;
      setAccess(outcome.ok ? outcome.data : null);
      setFailure(outcome.ok ? null : outcome.failure);
    },
    [api, id, stream, scene],
  );

  // Another generation is another key, and another protocol another address, whoever made it.
  // biome-ignore lint/correctness/useExhaustiveDependencies: they are what makes the answer another one
  useEffect(() => {
    if (forbidden) return;
    let wanted = true;
    load(() => wanted);
    return () => {
      wanted = false;
    };
  }, [load, forbidden, generation, protocol]);

  if (forbidden) return null;
  if (failure) {
    return (
      <Message
        tone="bad"
        actions={
          <button type="button" className="button" onClick={() => load(() => true)}>
            Try again
          </button>
        }
      >
        The stream key is not known. {failure.message}
      </Message>
    );
  }
  return (
    <>
      <CopyField label={`Server (${protocol.toUpperCase()})`} value={access?.server ?? ""} />
      <CopyField label="Stream key" value={access?.stream_key ?? ""} isSecret />
      <CopyField label="Address with key" value={access?.address ?? ""} isSecret />
      <div>
        <button
          type="button"
          className="button"
          disabled={disabled || !access}
          onClick={() => setAsking(true)}
        >
          Make another key…
        </button>
      </div>
      {asking && (
        <RotateDialog layer={layer} onRotated={setAccess} onClose={() => setAsking(false)} />
      )}
    </>
  );
}

interface CopyFieldProps {
  readonly label: string;
  readonly value: string;
  readonly isSecret?: boolean;
}

/** Text to be copied; a secret is hidden until it is asked for. */
function CopyField({ label, value, isSecret = false }: CopyFieldProps) {
  const [shown, setShown] = useState(!isSecret);
  const [copied, setCopied] = useState(false);

  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
      setCopied(true);
    } catch {
      // Without a secure origin there is no clipboard: it can be selected by hand.
      setShown(true);
    }
  };

  return (
    <Field label={label}>
      {(id) => (
        <span className="layer-editor__copy">
          <input
            id={id}
            className="input"
            readOnly
            autoComplete="off"
            type={shown ? "text" : "password"}
            value={value}
            onFocus={(event) => event.target.select()}
          />
          {isSecret && (
            <IconButton
              icon={shown ? EyeOff : Eye}
              label={shown ? `Hide ${label.toLowerCase()}` : `Show ${label.toLowerCase()}`}
              disabled={value === ""}
              onClick={() => setShown(!shown)}
            />
          )}
          <IconButton
            icon={copied ? Check : Copy}
            label={copied ? "Copied" : `Copy ${label.toLowerCase()}`}
            disabled={value === ""}
            onClick={copy}
          />
        </span>
      )}
    </Field>
  );
}

interface RotateDialogProps {
  readonly layer: IngestLayer;
  readonly onRotated: (access: IngestAccess) => void;
  readonly onClose: () => void;
}

function RotateDialog({ layer, onRotated, onClose }: RotateDialogProps) {
  const { api } = useRuntime();
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);

  const rotate = async () => {
    if (busy) return;
    setBusy(true);
    const params = { path: { id: layer.id }, query: { stream: layer.stream, scene: layer.scene } };
    const outcome = await outcomeOf(api.POST("/api/layers/{id}/ingest/rotate", { params }));
    setBusy(false);
    if (!outcome.ok) {
      setFailure(outcome.failure);
      return;
    }
    onRotated(outcome.data);
    onClose();
  };

  return (
    <Dialog title={`Another key for “${layer.name}”?`} onClose={onClose}>
      <div className="dialog__body">
        <p>
          The key that is valid now stops working, and who publishes with it is cut off. This cannot
          be undone.
        </p>
        {failure && (
          <Message tone="bad" alert>
            {failure.message}
          </Message>
        )}
      </div>
      <div className="dialog__actions">
        <button type="button" className="button" data-default onClick={onClose}>
          Keep the key
        </button>
        <button
          type="button"
          className="button button--danger"
          aria-disabled={busy}
          onClick={rotate}
        >
          {busy ? "Making…" : "Make another key"}
        </button>
      </div>
    </Dialog>
  );
}
