import { Pencil, Plus, Trash2 } from "lucide-react";
import { useCallback, useEffect, useState } from "react";
import type { Failure } from "../../api/problem.ts";
import type { AlertRule } from "../../api/types.ts";
import { useRuntime } from "../../runtime-context.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { CheckField } from "../../ui/fields.tsx";
import { IconButton } from "../../ui/icon-button.tsx";
import { Message } from "../../ui/message.tsx";
import { RuleForm } from "./rule-form.tsx";
import { conditionWords } from "./words.ts";

/** Every rule: which are looked at, and a form for each. */
export function RulesDialog({ onClose }: { readonly onClose: () => void }) {
  const { alerts } = useRuntime();
  const [rules, setRules] = useState<readonly AlertRule[] | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  /** The rule in the form; `new` for one that there is not yet. */
  const [edited, setEdited] = useState<AlertRule | "new" | null>(null);

  const load = useCallback(async () => {
    const outcome = await alerts.rules();
    setFailure(outcome.ok ? null : outcome.failure);
    if (outcome.ok) setRules(outcome.data.rules);
  }, [alerts]);
  useEffect(() => void load(), [load]);

  /** Does something to a rule, and reads them all again. */
  const after = async (change: Promise<Failure | null>) => {
    const failed = await change;
    await load();
    setFailure(failed);
  };

  if (edited) {
    return (
      <Dialog
        title={edited === "new" ? "New alert rule" : `Rule “${edited.name}”`}
        onClose={() => setEdited(null)}
      >
        <RuleForm
          rule={edited === "new" ? null : edited}
          onDone={() => {
            setEdited(null);
            void load();
          }}
        />
      </Dialog>
    );
  }

  return (
    <Dialog title="Alert rules" onClose={onClose}>
      <div className="dialog__body">
        {failure && (
          <Message tone="bad" alert onDismiss={() => setFailure(null)}>
            {failure.message}
          </Message>
        )}
        <ul className="rules" aria-label="Alert rules">
          {rules?.map((rule) => (
            <li key={rule.id} className="rule">
              <CheckField
                label={rule.name}
                checked={rule.enabled}
                disabled={false}
                onChange={(enabled) => void after(alerts.changeRule(rule, { enabled }))}
              />
              <span className="rule__condition">
                {conditionWords(rule.condition)} · {rule.severity}
              </span>
              <IconButton
                icon={Pencil}
                label={`Change ${rule.name}`}
                onClick={() => setEdited(rule)}
              />
              {!rule.built_in && (
                <IconButton
                  icon={Trash2}
                  label={`Delete ${rule.name}`}
                  onClick={() => void after(alerts.deleteRule(rule))}
                />
              )}
            </li>
          ))}
        </ul>
      </div>
      <div className="dialog__actions">
        <button type="button" className="button" onClick={() => setEdited("new")}>
          <Plus size={16} aria-hidden /> New rule
        </button>
        <button type="button" className="button" data-default onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
