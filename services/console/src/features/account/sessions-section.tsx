import { useId } from "react";
import type { Failure } from "../../api/problem.ts";
import type { SessionInfo } from "../../api/types.ts";
import { useObservable } from "../../observable.ts";
import { useRuntime } from "../../runtime-context.ts";
import { formatTime } from "../../ui/format.ts";

interface SessionsSectionProps {
  readonly onFailure: (failure: Failure | null) => void;
}

/** Where one is signed in. */
export function SessionsSection({ onFailure }: SessionsSectionProps) {
  const { account } = useRuntime();
  const sessions = useObservable(account.sessions);
  const id = useId();
  const others = sessions?.filter((session) => !session.current) ?? [];
  return (
    <section className="account__section" aria-labelledby={id}>
      <header className="account__head">
        <h3 id={id} className="account__title">
          Where you are signed in
        </h3>
        {others.length > 0 && (
          <button
            type="button"
            className="button"
            onClick={() => void account.endOthers().then(onFailure)}
          >
            Sign out everywhere else
          </button>
        )}
      </header>
      <ul className="account__list" aria-label="Sign-ins">
        {sessions?.map((session) => (
          <li key={session.id} className="account__row">
            <SessionFacts session={session} />
            {session.current ? (
              <strong>This one</strong>
            ) : (
              <button
                type="button"
                className="button"
                aria-label={`Sign out ${session.client}, last used ${when(session.used_at)}`}
                onClick={() => void account.end(session.id).then(onFailure)}
              >
                Sign out
              </button>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

/** What a sign-in is known by. */
export function SessionFacts({ session }: { readonly session: SessionInfo }) {
  return (
    <span className="account__facts">
      <span>{session.client}</span>
      <span className="account__note">
        {session.network ? `from ${session.network}, ` : ""}since {when(session.created_at)}, last
        used {when(session.used_at)}
      </span>
    </span>
  );
}

function when(moment: string): string {
  return `${new Date(moment).toLocaleDateString("en-GB")} ${formatTime(moment)}`;
}
