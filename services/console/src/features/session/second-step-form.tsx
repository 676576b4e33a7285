import { type FormEvent, useId, useRef, useState } from "react";
import type { Failure } from "../../api/problem.ts";
import type { SecondStep, Session } from "../../api/session.ts";
import { Message } from "../../ui/message.tsx";
import { EnrolmentCard } from "../account/enrolment-card.tsx";

interface SecondStepFormProps {
  readonly session: Session;
  readonly step: SecondStep;
}

/** After the password: a code of the authenticator app, which is enrolled first where it must be. */
export function SecondStepForm({ session, step }: SecondStepFormProps) {
  const id = useId();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const code = useRef<HTMLInputElement>(null);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (busy) return;
    const form = new FormData(event.currentTarget);
    setBusy(true);
    const failed = await session.answer(String(form.get("code") ?? "").trim());
    setBusy(false);
    setFailure(failed);
    if (failed) code.current?.select();
  };

  return (
    <form className="sign-in" onSubmit={submit}>
      {step.enrolment && (
        <>
          <p>Your role signs in with a second factor. Add this to an authenticator app:</p>
          <EnrolmentCard enrolment={step.enrolment} />
        </>
      )}
      <div className="field">
        <label className="field__label" htmlFor={`${id}-code`}>
          {step.enrolment ? "Code that the app shows" : "Code of your authenticator app"}
        </label>
        <input
          ref={code}
          className="input"
          id={`${id}-code`}
          name="code"
          autoComplete="one-time-code"
          autoCapitalize="none"
          spellCheck={false}
          required
          aria-describedby={`${id}-hint`}
          // biome-ignore lint/a11y/noAutofocus: the one thing to do here, after a step that was asked for
          autoFocus
        />
        {!step.enrolment && (
          <p className="gate__hint" id={`${id}-hint`}>
            Or one of your recovery codes.
          </p>
        )}
      </div>
      {failure && (
        <Message tone="bad" alert>
          {failure.message}
        </Message>
      )}
      <button type="submit" className="button button--primary" aria-disabled={busy}>
        {busy ? "Signing in…" : "Sign in"}
      </button>
      <button type="button" className="button button--quiet" onClick={() => session.startOver()}>
        Back to the password
      </button>
    </form>
  );
}
