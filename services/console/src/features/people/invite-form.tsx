import { type FormEvent, useId, useState } from "react";
import type { Failure } from "../../api/problem.ts";
import type { Role } from "../../api/types.ts";
import { useRuntime } from "../../runtime-context.ts";
import { ROLES } from "./roles.ts";

interface InviteFormProps {
  readonly onOutcome: (failure: Failure | null) => void;
}

/** Invites somebody, who chooses a password by a link. */
export function InviteForm({ onOutcome }: InviteFormProps) {
  const { people } = useRuntime();
  const id = useId();
  const [busy, setBusy] = useState(false);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (busy) return;
    const form = event.currentTarget;
    const fields = new FormData(form);
    setBusy(true);
    const failure = await people.invite(
      String(fields.get("username") ?? "").trim(),
      String(fields.get("role")) as Role,
    );
    setBusy(false);
    onOutcome(failure);
    if (!failure) form.reset();
  };

  return (
    <form className="invite" aria-label="Invite somebody" onSubmit={submit}>
      <div className="field">
        <label className="field__label" htmlFor={`${id}-name`}>
          Username
        </label>
        <input
          className="input"
          id={`${id}-name`}
          name="username"
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          required
        />
      </div>
      <div className="field">
        <label className="field__label" htmlFor={`${id}-role`}>
          Role
        </label>
        <select className="input" id={`${id}-role`} name="role" defaultValue="viewer">
          {ROLES.map(({ value, label }) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </div>
      <button type="submit" className="button button--primary" aria-disabled={busy}>
        Invite
      </button>
    </form>
  );
}
