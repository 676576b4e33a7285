import { type FormEvent, useEffect, useState } from "react";
import type { Failure } from "../../api/problem.ts";
import type { ChatRules, LinkRule, MatchRule } from "../../api/types.ts";
import { useRuntime } from "../../runtime-context.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { CheckField, Field, NumberField, SelectField } from "../../ui/fields.tsx";
import { Message } from "../../ui/message.tsx";
import { linesOf } from "./words.ts";

const ON_WORD: Readonly<Record<MatchRule, string>> = {
  refuse: "Refuse it",
  hold: "Hold it for a moderator",
};
const ON_LINK: Readonly<Record<LinkRule, string>> = {
  allow: "Post it",
  refuse: "Refuse it",
  hold: "Hold it for a moderator",
};
/** Longest pause in seconds. */
const SLOW_MODE_MAX = 3600;

interface Draft {
  readonly etag: string;
  readonly slowMode: number;
  readonly guests: boolean;
  readonly words: string;
  readonly onWord: MatchRule;
  readonly links: LinkRule;
  readonly hosts: string;
}

function draftOf(rules: ChatRules, etag: string): Draft {
  return {
    etag,
    slowMode: rules.slow_mode_s ?? 0,
    guests: rules.guests ?? false,
    words: (rules.banned_words ?? []).join("\n"),
    onWord: rules.on_banned_word ?? "refuse",
    links: rules.links ?? "allow",
    hosts: (rules.allowed_hosts ?? []).join("\n"),
  };
}

function rulesOf(draft: Draft): ChatRules {
  return {
    slow_mode_s: draft.slowMode,
    guests: draft.guests,
    banned_words: linesOf(draft.words),
    on_banned_word: draft.onWord,
    links: draft.links,
    allowed_hosts: linesOf(draft.hosts),
  };
}

/** What holds for everybody who writes and may not moderate. */
export function RulesDialog({ onClose }: { readonly onClose: () => void }) {
  const { moderation } = useRuntime();
  const [draft, setDraft] = useState<Draft | null>(null);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);

  useEffect(() => {
    void moderation.rules().then((read) => {
      if (read.ok) setDraft(draftOf(read.data, read.etag ?? '"0"'));
      else setFailure(read.failure);
    });
  }, [moderation]);

  const change = (part: Partial<Draft>) => setDraft((known) => known && { ...known, ...part });

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy || !draft) return;
    setBusy(true);
    const replaced = await moderation.replaceRules(draft.etag, rulesOf(draft));
    setBusy(false);
    if (replaced.ok) onClose();
    else setFailure(replaced.failure);
  };

  return (
    <Dialog title="Rules of the chat" onClose={onClose}>
      <form onSubmit={submit}>
        <div className="dialog__body">
          <p className="field__note">They hold for everybody who may not moderate.</p>
          {draft && <RulesFields draft={draft} disabled={busy} onChange={change} />}
          {failure && (
            <Message tone="bad" alert>
              {failure.status === 412
                ? "Somebody changed the rules meanwhile. Close this and open it again."
                : failure.message}
            </Message>
          )}
        </div>
        <div className="dialog__actions">
          <button type="button" className="button" data-default onClick={onClose}>
            Cancel
          </button>
          <button
            type="submit"
            className="button button--primary"
            aria-disabled={busy || draft === null}
          >
            Save
          </button>
        </div>
      </form>
    </Dialog>
  );
}

interface RulesFieldsProps {
  readonly draft: Draft;
  readonly disabled: boolean;
  readonly onChange: (part: Partial<Draft>) => void;
}

function RulesFields({ draft, disabled, onChange }: RulesFieldsProps) {
  return (
    <>
      <NumberField
        label="Slow mode: seconds between two messages of a person"
        value={draft.slowMode}
        min={0}
        max={SLOW_MODE_MAX}
        disabled={disabled}
        onChange={(slowMode) => onChange({ slowMode })}
      />
      <CheckField
        label="People without an account may write"
        checked={draft.guests}
        disabled={disabled}
        onChange={(guests) => onChange({ guests })}
      />
      <Lines
        label="Banned words and phrases, one a line"
        value={draft.words}
        disabled={disabled}
        onChange={(words) => onChange({ words })}
      />
      <SelectField
        label="A message with a banned word"
        value={draft.onWord}
        options={ON_WORD}
        disabled={disabled}
        onChange={(onWord) => onChange({ onWord })}
      />
      <SelectField
        label="A message with a link"
        value={draft.links}
        options={ON_LINK}
        disabled={disabled}
        onChange={(links) => onChange({ links })}
      />
      {draft.links !== "allow" && (
        <Lines
          label="Hosts that may be linked to, one a line"
          value={draft.hosts}
          disabled={disabled}
          onChange={(hosts) => onChange({ hosts })}
        />
      )}
    </>
  );
}

interface LinesProps {
  readonly label: string;
  readonly value: string;
  readonly disabled: boolean;
  readonly onChange: (value: string) => void;
}

function Lines({ label, value, disabled, onChange }: LinesProps) {
  return (
    <Field label={label}>
      {(id) => (
        <textarea
          id={id}
          className="input"
          rows={3}
          value={value}
          disabled={disabled}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}
