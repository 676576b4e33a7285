import { type FormEvent, useId, useState } from "react";
import type { Proof } from "./store.ts";

interface ProofFormProps {
  readonly purpose: string;
  readonly asksForCode: boolean;
  readonly onProve: (proof: Proof) => Promise<void>;
  readonly onCancel: () => void;
}

/** Asks once more who it is, before something that a stolen session must not do. */
export function ProofForm({ purpose, asksForCode, onProve, onCancel }: ProofFormProps) {
  const id = useId();
  const [busy, setBusy] = useState(false);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (busy) return;
    const form = new FormData(event.currentTarget);
    setBusy(true);
    await onProve({
      password: String(form.get("password") ?? ""),
      code: asksForCode ? String(form.get("code") ?? "").trim() : null,
    });
    setBusy(false);
  };

  return (
    <form className="account__form" aria-label={purpose} onSubmit={submit}>
      <div className="field">
        <label className="field__label" htmlFor={`${id}-password`}>
          Your password
        </label>
        <input
          className="input"
          id={`${id}-password`}
          name="password"
          type="password"
          autoComplete="current-password"
          required
        />
      </div>
      {asksForCode && (
        <div className="field">
          <label className="field__label" htmlFor={`${id}-code`}>
            Code of your authenticator app, or a recovery code
          </label>
          <input
            className="input"
            id={`${id}-code`}
            name="code"
            autoComplete="one-time-code"
            autoCapitalize="none"
            spellCheck={false}
            required
          />
        </div>
      )}
      <div className="account__actions">
        <button type="submit" className="button button--primary" aria-disabled={busy}>
          {purpose}
        </button>
        <button type="button" className="button button--quiet" onClick={onCancel}>
          Cancel
        </button>
      </div>
    </form>
  );
}
