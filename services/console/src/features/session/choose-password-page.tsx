import { type FormEvent, useId, useState } from "react";
import { type Failure, failureOf, NO_ANSWER } from "../../api/problem.ts";
import { appUrl } from "../../base-url.ts";
import { Message } from "../../ui/message.tsx";
import { Brand } from "./brand.tsx";
import "./session.css";

interface ChoosePasswordPageProps {
  readonly token: string;
  /** The link has done its part: on to signing in. */
  readonly onDone: () => void;
}

/** Opened by a link, for somebody who was invited or has forgotten the password. */
export function ChoosePasswordPage({ token, onDone }: ChoosePasswordPageProps) {
  const id = useId();
  const [busy, setBusy] = useState(false);
  const [chosen, setChosen] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (busy) return;
    const password = String(new FormData(event.currentTarget).get("password") ?? "");
    setBusy(true);
    const failed = await choose(token, password);
    setBusy(false);
    setFailure(failed);
    setChosen(failed === null);
  };

  return (
    <main className="gate">
      <div className="gate__card">
        <h1>
          <Brand />
        </h1>
        {chosen ? (
          <Message tone="ok">The password is set. Sign in with it.</Message>
        ) : (
          <form className="sign-in" onSubmit={submit}>
            <div className="field">
              <label className="field__label" htmlFor={`${id}-password`}>
                Choose a password
              </label>
              <input
                className="input"
                id={`${id}-password`}
                name="password"
                type="password"
                autoComplete="new-password"
                required
              />
            </div>
            {failure && (
              <Message tone="bad" alert>
                {failure.message}
              </Message>
            )}
            <button type="submit" className="button button--primary" aria-disabled={busy}>
              {busy ? "Setting it…" : "Set the password"}
            </button>
          </form>
        )}
        <button type="button" className="button button--quiet" onClick={onDone}>
          {chosen ? "Go to the sign-in" : "I have a password"}
        </button>
      </div>
    </main>
  );
}

async function choose(token: string, password: string): Promise<Failure | null> {
  try {
    const response = await fetch(appUrl("api/auth/password-link").href, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token, password }),
    });
    if (response.ok) return null;
    return failureOf(response, await response.json().catch(() => null));
  } catch {
    return NO_ANSWER;
  }
}
