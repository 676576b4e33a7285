import { useEffect, useState } from "react";
import type { Failure } from "../../api/problem.ts";
import { useRuntime } from "../../runtime-context.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { Message } from "../../ui/message.tsx";
import { RecoveryCodesDialog } from "./recovery-codes.tsx";
import { SecondFactorSection } from "./second-factor-section.tsx";
import { SessionsSection } from "./sessions-section.tsx";
import "./account.css";

/** One's own account: the second factor, and where one is signed in. */
export function AccountDialog({ onClose }: { readonly onClose: () => void }) {
  const { account } = useRuntime();
  const [failure, setFailure] = useState<Failure | null>(null);
  const [codes, setCodes] = useState<readonly string[] | null>(null);

  useEffect(() => {
    void account.load().then(setFailure);
  }, [account]);

  return (
    <Dialog title="Your account" onClose={onClose}>
      <div className="dialog__body account">
        {failure && (
          <Message tone="bad" alert>
            {failure.message}
          </Message>
        )}
        <SecondFactorSection onFailure={setFailure} onCodes={setCodes} />
        <SessionsSection onFailure={setFailure} />
      </div>
      <div className="dialog__actions">
        <button type="button" className="button" data-default onClick={onClose}>
          Close
        </button>
      </div>
      {codes && <RecoveryCodesDialog codes={codes} onSeen={() => setCodes(null)} />}
    </Dialog>
  );
}
