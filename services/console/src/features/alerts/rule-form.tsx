import { type FormEvent, useState } from "react";
import type { Failure } from "../../api/problem.ts";
import type { AlertRule } from "../../api/types.ts";
import { useRuntime } from "../../runtime-context.ts";
import { FormField, NumberField, SelectField } from "../../ui/fields.tsx";
import { formatUtc } from "../../ui/format.ts";
import { Message } from "../../ui/message.tsx";
import {
  draftOf,
  KINDS,
  METRICS,
  type MetricName,
  newDraft,
  type RuleDraft,
  ruleOf,
} from "./draft.ts";
import type { DryRun } from "./store.ts";
import { dryRunWords } from "./words.ts";

const SIDES = { above: "Above", below: "Below" } as const;
const SEVERITIES = {
  info: "Info: viewers notice nothing",
  warning: "Warning: a part is missing",
  error: "Error: the picture is interrupted",
  critical: "Critical: off air until somebody acts",
} as const;
/** The hours that a rule is tried on. */
const TRIED_H = 6;
const BOUND = 1e15;

interface RuleFormProps {
  /** `null` for a new one. */
  readonly rule: AlertRule | null;
  readonly onDone: () => void;
}

/** A rule, and what it would have done. */
export function RuleForm({ rule, onDone }: RuleFormProps) {
  const { alerts } = useRuntime();
  const [draft, setDraft] = useState<RuleDraft | null>(rule ? draftOf(rule) : newDraft());
  const [failure, setFailure] = useState<Failure | null>(null);
  const [run, setRun] = useState<DryRun | null>(null);

  if (!draft) {
    return (
      <div className="dialog__body">
        <p>This rule looks at the stream's status. It can be switched on and off.</p>
      </div>
    );
  }
  const change = (part: Partial<RuleDraft>) => {
    setDraft({ ...draft, ...part });
    setRun(null);
  };
  const errorOf = (pointer: string) =>
    failure?.fields.find((field) => field.pointer === pointer)?.detail ?? null;

  const tryIt = async () => {
    const outcome = await alerts.tryRule(ruleOf(draft, rule), TRIED_H);
    setFailure(outcome.ok ? null : outcome.failure);
    setRun(outcome.ok ? outcome.data : null);
  };
  const save = async (event: FormEvent) => {
    event.preventDefault();
    const written = ruleOf(draft, rule);
    const failed = rule ? await alerts.changeRule(rule, written) : await alerts.createRule(written);
    setFailure(failed);
    if (!failed) onDone();
  };

  return (
    <form noValidate onSubmit={(event) => void save(event)}>
      <div className="dialog__body rule-form">
        {failure && (
          <Message tone="bad" alert>
            {failure.fields[0]?.detail ?? failure.message}
          </Message>
        )}
        <FormField
          label="Name"
          error={errorOf("/name")}
          value={draft.name}
          maxLength={100}
          onChange={(name) => change({ name })}
        />
        <SelectField
          label="When"
          value={draft.kind}
          options={KINDS}
          disabled={false}
          onChange={(kind) => change({ kind })}
        />
        <ConditionFields draft={draft} onChange={change} />
        <NumberField
          label="Fires after, s"
          value={draft.forS}
          min={0}
          max={86_400}
          disabled={false}
          onChange={(forS) => change({ forS })}
        />
        <NumberField
          label="Is over after, s"
          value={draft.clearForS}
          min={0}
          max={86_400}
          disabled={false}
          onChange={(clearForS) => change({ clearForS })}
        />
        <SelectField
          label="Severity"
          value={draft.severity}
          options={SEVERITIES}
          disabled={false}
          onChange={(severity) => change({ severity })}
        />
        <FormField
          label="What to do"
          error={errorOf("/remedy")}
          value={draft.remedy}
          maxLength={1000}
          onChange={(remedy) => change({ remedy })}
        />
        {run && <Tried run={run} />}
      </div>
      <div className="dialog__actions">
        <button type="button" className="button" onClick={() => void tryIt()}>
          Try it on the last {TRIED_H} hours
        </button>
        <button type="submit" className="button button--primary">
          Save
        </button>
      </div>
    </form>
  );
}

interface ConditionFieldsProps {
  readonly draft: RuleDraft;
  readonly onChange: (part: Partial<RuleDraft>) => void;
}

function ConditionFields({ draft, onChange }: ConditionFieldsProps) {
  if (draft.kind === "error") {
    return (
      <FormField
        label="Code, or its beginning"
        error={null}
        value={draft.code}
        maxLength={100}
        onChange={(code) => onChange({ code })}
      />
    );
  }
  const isBounded = draft.kind !== "absence";
  return (
    <>
      <SelectField
        label="Metric"
        value={draft.metric as MetricName}
        options={METRICS}
        disabled={false}
        onChange={(metric) => onChange({ metric })}
      />
      {isBounded && (
        <>
          <SelectField
            label="Wrong when"
            value={draft.side}
            options={SIDES}
            disabled={false}
            onChange={(side) => onChange({ side, clear: null })}
          />
          <NumberField
            label="Bound"
            value={draft.value}
            min={-BOUND}
            max={BOUND}
            decimals={3}
            disabled={false}
            onChange={(value) => onChange({ value })}
          />
          <NumberField
            label="Right again at"
            value={draft.clear}
            min={-BOUND}
            max={BOUND}
            decimals={3}
            disabled={false}
            onChange={(clear) => onChange({ clear })}
            onClear={() => onChange({ clear: null })}
          />
        </>
      )}
      <NumberField
        label="Looked at, s"
        value={draft.over}
        min={draft.kind === "rate" ? 2 : 1}
        max={900}
        disabled={false}
        onChange={(over) => onChange({ over })}
      />
    </>
  );
}

function Tried({ run }: { readonly run: DryRun }) {
  return (
    <div className="rule-form__tried">
      <Message tone={run.fired > 0 ? "warn" : "ok"}>{dryRunWords(run)}</Message>
      <ul aria-label="When it would have fired">
        {run.times.slice(0, 5).map((time) => (
          <li key={time.fired_at}>
            {formatUtc(time.fired_at)}: {time.reason}
          </li>
        ))}
      </ul>
    </div>
  );
}
