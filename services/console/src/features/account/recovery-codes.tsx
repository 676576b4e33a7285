import { Copy } from "lucide-react";
import { useState } from "react";
import { Dialog } from "../../ui/dialog.tsx";

interface RecoveryCodesDialogProps {
  readonly codes: readonly string[];
  readonly onSeen: () => void;
}

/** The codes, once: they cannot be shown again. */
export function RecoveryCodesDialog({ codes, onSeen }: RecoveryCodesDialogProps) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(codes.join("\n"));
    setCopied(true);
  };
  return (
    <Dialog title="Keep your recovery codes">
      <div className="dialog__body">
        <p>
          Each signs you in once when your authenticator app is gone. They are not shown again: keep
          them where nobody else finds them.
        </p>
        <ul className="recovery-codes" aria-label="Recovery codes">
          {codes.map((code) => (
            <li key={code}>
              <code>{code}</code>
            </li>
          ))}
        </ul>
      </div>
      <div className="dialog__actions">
        {navigator.clipboard && (
          <button type="button" className="button" onClick={() => void copy()}>
            <Copy size={16} aria-hidden />
            {copied ? "Copied" : "Copy"}
          </button>
        )}
        <button type="button" className="button button--primary" data-default onClick={onSeen}>
          I have kept them
        </button>
      </div>
    </Dialog>
  );
}
