import { Undo2 } from "lucide-react";
import { useCallback, useEffect, useState } from "react";
import type { Failure } from "../../api/problem.ts";
import type { Ban, ModerationEntry } from "../../api/types.ts";
import { useRuntime } from "../../runtime-context.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { formatUtc } from "../../ui/format.ts";
import { IconButton } from "../../ui/icon-button.tsx";
import { Message } from "../../ui/message.tsx";
import { deedWords } from "./words.ts";

interface Log {
  readonly entries: readonly ModerationEntry[];
  readonly next: string | null;
}

/** Who may not write, and what moderators did. */
export function LogDialog({ onClose }: { readonly onClose: () => void }) {
  const { moderation } = useRuntime();
  const [bans, setBans] = useState<readonly Ban[]>([]);
  const [log, setLog] = useState<Log>({ entries: [], next: null });
  const [failure, setFailure] = useState<Failure | null>(null);

  const load = useCallback(async () => {
    const [silenced, page] = await Promise.all([moderation.bans(), moderation.log(null)]);
    if (silenced.ok) setBans(silenced.data.bans);
    else setFailure(silenced.failure);
    if (page.ok) setLog({ entries: page.data.entries, next: page.data.next ?? null });
    else setFailure(page.failure);
  }, [moderation]);

  useEffect(() => void load(), [load]);

  const loadOlder = async () => {
    const page = await moderation.log(log.next);
    if (!page.ok) return setFailure(page.failure);
    setLog({ entries: [...log.entries, ...page.data.entries], next: page.data.next ?? null });
  };

  const restore = async (user: string) => {
    const failed = await moderation.restore(user);
    setFailure(failed);
    if (!failed) await load();
  };

  return (
    <Dialog title="Moderation" onClose={onClose}>
      <div className="dialog__body">
        {failure && (
          <Message tone="bad" alert onDismiss={() => setFailure(null)}>
            {failure.message}
          </Message>
        )}
        <h3 className="chat__heading">Silenced</h3>
        {bans.length === 0 && <p className="chat__none">Nobody.</p>}
        <ul className="chat__rows" aria-label="Silenced">
          {bans.map((ban) => (
            <li key={ban.user} className="chat__row">
              <div className="chat__row-text">
                <p>
                  <strong>{ban.name ?? ban.user}</strong>{" "}
                  {ban.until ? `until ${formatUtc(ban.until)}` : "for ever"}
                </p>
                {ban.reason && <p className="chat__text">{ban.reason}</p>}
              </div>
              <IconButton
                icon={Undo2}
                label={`Let ${ban.name ?? ban.user} write again`}
                onClick={() => restore(ban.user)}
              />
            </li>
          ))}
        </ul>
        <h3 className="chat__heading">Log</h3>
        {log.entries.length === 0 && <p className="chat__none">Nothing yet.</p>}
        <ol className="chat__rows" aria-label="Moderation log">
          {log.entries.map((entry) => (
            <li key={`${entry.at} ${entry.action} ${entry.message ?? ""}`} className="chat__row">
              <div className="chat__row-text">
                <p>
                  {deedWords(entry)} <span className="chat__role">{formatUtc(entry.at)}</span>
                </p>
                {(entry.text ?? entry.reason) && (
                  <p className="chat__text">{entry.text ?? entry.reason}</p>
                )}
              </div>
            </li>
          ))}
        </ol>
        {log.next !== null && (
          <button type="button" className="button" onClick={loadOlder}>
            Show older
          </button>
        )}
      </div>
      <div className="dialog__actions">
        <button type="button" className="button" data-default onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
