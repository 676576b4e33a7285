import { type FormEvent, useId, useRef, useState } from "react";
import type { Failure } from "../../api/problem.ts";
import type { Session } from "../../api/session.ts";
import { useObservable } from "../../observable.ts";
import { Message } from "../../ui/message.tsx";
import { SecondStepForm } from "./second-step-form.tsx";

interface SignInFormProps {
  readonly session: Session;
  readonly name?: string;
}

/** The password, and then the second factor where there is one. */
export function SignInForm({ session, name = "" }: SignInFormProps) {
  const step = useObservable(session.secondStep);
  return step ? (
    <SecondStepForm session={session} step={step} />
  ) : (
    <PasswordForm session={session} name={name} />
  );
}

function PasswordForm({ session, name }: Required<SignInFormProps>) {
  const id = useId();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const password = useRef<HTMLInputElement>(null);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (busy) return;
    const form = new FormData(event.currentTarget);
    setBusy(true);
    const failed = await session.signIn(
      String(form.get("username") ?? "").trim(),
      String(form.get("password") ?? ""),
    );
    setBusy(false);
    setFailure(failed);
    if (failed?.status === 401) password.current?.select();
  };

  return (
    <form className="sign-in" onSubmit={submit}>
      <div className="field">
        <label className="field__label" htmlFor={`${id}-name`}>
          Username
        </label>
        <input
          className="input"
          id={`${id}-name`}
          name="username"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          defaultValue={name}
          required
          data-default={name ? undefined : true}
        />
      </div>
      <div className="field">
        <label className="field__label" htmlFor={`${id}-password`}>
          Password
        </label>
        <input
          ref={password}
          className="input"
          id={`${id}-password`}
          name="password"
          type="password"
          autoComplete="current-password"
          required
          aria-describedby={failure ? `${id}-failure` : undefined}
          data-default={name ? true : undefined}
        />
      </div>
      <div id={`${id}-failure`}>
        {failure && (
          <Message tone="bad" alert>
            {failure.message}
          </Message>
        )}
      </div>
      <button type="submit" className="button button--primary" aria-disabled={busy}>
        {busy ? "Signing in…" : "Sign in"}
      </button>
    </form>
  );
}
