import { useEffect, useState } from "react";
import type { Failure } from "../../api/problem.ts";
import { useObservable } from "../../observable.ts";
import { useIdentity, useRuntime } from "../../runtime-context.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { Message } from "../../ui/message.tsx";
import { InviteForm } from "./invite-form.tsx";
import { LinkNote } from "./link-note.tsx";
import { PersonRow } from "./person-row.tsx";
import "../account/account.css";
import "./people.css";

/** Who may sign in, and as what. For admins. */
export function PeopleDialog({ onClose }: { readonly onClose: () => void }) {
  const { people: store } = useRuntime();
  const identity = useIdentity();
  const people = useObservable(store.people);
  const given = useObservable(store.link);
  const [failure, setFailure] = useState<Failure | null>(null);

  useEffect(() => {
    void store.load().then(setFailure);
    return () => store.link.set(null);
  }, [store]);

  return (
    <Dialog title="People" onClose={onClose}>
      <div className="dialog__body account">
        {failure && (
          <Message tone="bad" alert>
            {failure.message}
          </Message>
        )}
        <InviteForm onOutcome={setFailure} />
        {given && <LinkNote given={given} />}
        <ul className="account__list" aria-label="People">
          {people?.map((person) => (
            <PersonRow
              key={person.id}
              person={person}
              own={person.id === identity?.user}
              onOutcome={setFailure}
            />
          ))}
        </ul>
      </div>
      <div className="dialog__actions">
        <button type="button" className="button" data-default onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
