import { useState } from "react";
import type { Failure } from "../../api/problem.ts";
import type { Session } from "../../api/session.ts";
import { Message } from "../../ui/message.tsx";

/** The way in without an account, where the chat lets guests in. */
export function GuestEntrance({ session }: { readonly session: Session }) {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const enter = async () => {
    if (busy) return;
    setBusy(true);
    setFailure(await session.comeAsGuest());
    setBusy(false);
  };
  return (
    <>
      {failure && (
        <Message tone="bad" alert>
          {failure.message}
        </Message>
      )}
      <button type="button" className="button button--quiet" aria-disabled={busy} onClick={enter}>
        {busy ? "Coming in…" : "Watch and chat as a guest"}
      </button>
    </>
  );
}
