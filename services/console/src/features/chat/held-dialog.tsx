import { Check, X } from "lucide-react";
import { useState } from "react";
import type { Failure } from "../../api/problem.ts";
import { useObservable } from "../../observable.ts";
import { useRuntime } from "../../runtime-context.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { IconButton } from "../../ui/icon-button.tsx";
import { Message } from "../../ui/message.tsx";
import { CAUSES } from "./words.ts";

/** The messages that wait for a moderator. */
export function HeldDialog({ onClose }: { readonly onClose: () => void }) {
  const { moderation } = useRuntime();
  const held = useObservable(moderation.held);
  const [failure, setFailure] = useState<Failure | null>(null);
  const decide = async (id: string, approved: boolean) =>
    setFailure(await moderation.decide(id, approved));
  return (
    <Dialog title="Held messages" onClose={onClose}>
      <div className="dialog__body">
        {failure && (
          <Message tone="bad" alert onDismiss={() => setFailure(null)}>
            {failure.message}
          </Message>
        )}
        {held.length === 0 && <p className="chat__none">Nothing waits.</p>}
        <ul className="chat__rows" aria-label="Held messages">
          {held.map((message) => (
            <li key={message.id} className="chat__row">
              <div className="chat__row-text">
                <p>
                  <strong>{message.name}</strong>{" "}
                  <span className="chat__role">{CAUSES[message.cause]}</span>
                </p>
                <p className="chat__text">{message.text}</p>
              </div>
              <IconButton
                icon={Check}
                label={`Post what ${message.name} wrote`}
                onClick={() => decide(message.id, true)}
              />
              <IconButton
                icon={X}
                label={`Throw away what ${message.name} wrote`}
                onClick={() => decide(message.id, false)}
              />
            </li>
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
