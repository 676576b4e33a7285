import { useState } from "react";
import type { Failure } from "../../api/problem.ts";
import type { Role, User } from "../../api/types.ts";
import { useRuntime } from "../../runtime-context.ts";
import { ROLES } from "./roles.ts";

interface PersonRowProps {
  readonly person: User;
  /** Whether it is the one who looks. */
  readonly own: boolean;
  readonly onOutcome: (failure: Failure | null) => void;
}

/** A person, and what can be done about them. */
export function PersonRow({ person, own, onOutcome }: PersonRowProps) {
  const { people } = useRuntime();
  const [deleting, setDeleting] = useState(false);
  const { username, role, disabled } = person;
  const run = (command: Promise<Failure | null>) => void command.then(onOutcome);

  return (
    <li className="person" data-disabled={disabled || undefined}>
      <span className="account__facts">
        <strong>
          {username}
          {own && " (you)"}
        </strong>
        <span className="account__note">
          {disabled ? "cannot sign in" : "may sign in"}
          {person.second_factor && ", with a second factor"}
        </span>
      </span>
      <select
        className="input"
        aria-label={`Role of ${username}`}
        value={role}
        onChange={(event) => run(people.change(username, { role: event.target.value as Role }))}
      >
        {ROLES.map(({ value, label }) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
      <span className="account__actions">
        <button
          type="button"
          className="button"
          onClick={() => run(people.makeLink(username))}
          aria-label={`New password for ${username}`}
        >
          New password
        </button>
        <button
          type="button"
          className="button"
          onClick={() => run(people.signOut(username))}
          aria-label={`Sign ${username} out everywhere`}
        >
          Sign out
        </button>
        {person.second_factor && (
          <button
            type="button"
            className="button"
            onClick={() => run(people.resetSecondFactor(username))}
            aria-label={`Take the second factor of ${username} away`}
          >
            Reset second factor
          </button>
        )}
        <button
          type="button"
          className="button"
          onClick={() => run(people.change(username, { disabled: !disabled }))}
          aria-label={disabled ? `Let ${username} sign in` : `Shut ${username} out`}
        >
          {disabled ? "Let in" : "Shut out"}
        </button>
        <button
          type="button"
          className={deleting ? "button button--danger" : "button"}
          onBlur={() => setDeleting(false)}
          onClick={() => (deleting ? run(people.remove(username)) : setDeleting(true))}
          aria-label={deleting ? `Really delete ${username}` : `Delete ${username}`}
        >
          {deleting ? "Really?" : "Delete"}
        </button>
      </span>
    </li>
  );
}
