import { type FormEvent, useId, useState } from "react";
import type { Enrolment } from "../../api/types.ts";
import { EnrolmentCard } from "./enrolment-card.tsx";

interface ConfirmFormProps {
  readonly enrolment: Enrolment;
  readonly onConfirm: (code: string) => Promise<void>;
  readonly onCancel: () => void;
}

/** Shows what to enrol, and takes a code of it. */
export function ConfirmForm({ enrolment, onConfirm, onCancel }: ConfirmFormProps) {
  const id = useId();
  const [busy, setBusy] = useState(false);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (busy) return;
    const form = new FormData(event.currentTarget);
    setBusy(true);
    await onConfirm(String(form.get("code") ?? "").trim());
    setBusy(false);
  };

  return (
    <form className="account__form" aria-label="Confirm the authenticator app" onSubmit={submit}>
      <EnrolmentCard enrolment={enrolment} />
      <div className="field">
        <label className="field__label" htmlFor={`${id}-code`}>
          Code that the app shows
        </label>
        <input
          className="input"
          id={`${id}-code`}
          name="code"
          inputMode="numeric"
          autoComplete="one-time-code"
          required
        />
      </div>
      <div className="account__actions">
        <button type="submit" className="button button--primary" aria-disabled={busy}>
          Turn on
        </button>
        <button type="button" className="button button--quiet" onClick={onCancel}>
          Cancel
        </button>
      </div>
    </form>
  );
}
