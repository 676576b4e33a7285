import type { AlertCondition, AlertRule, NewAlertRule } from "../../api/types.ts";

/** Metrics that the form offers. The server knows all of them. */
export const METRICS = {
  fps: "Frame rate",
  bitrate_kbps: "Bitrate",
  frames_dropped: "Dropped frames",
  encode_ms_p99: "Encoding time, p99",
  keyframe_interval_ms: "Keyframe interval",
  cpu_cores: "CPU of the worker",
  memory_bytes: "Memory of the worker",
  audio_peak_dbfs: "Peak of the sound",
  viewers: "Viewers",
  chat_messages: "Chat messages",
} as const;

export const KINDS = {
  threshold: "A value is out of bounds",
  rate: "A value changes too fast",
  absence: "Nothing is measured",
  error: "The stream has an error",
} as const;

export type Kind = keyof typeof KINDS;
export type MetricName = keyof typeof METRICS;
export type Severity = AlertRule["severity"];

/** A rule while it is being written. */
export interface RuleDraft {
  readonly name: string;
  readonly kind: Kind;
  readonly metric: string;
  readonly side: "above" | "below";
  readonly value: number;
  readonly clear: number | null;
  readonly over: number;
  readonly code: string;
  readonly forS: number;
  readonly clearForS: number;
  readonly severity: Severity;
  readonly remedy: string;
}

export function newDraft(): RuleDraft {
  return {
    name: "",
    kind: "threshold",
    metric: "fps",
    side: "below",
    value: 20,
    clear: null,
    over: 10,
    code: "output.",
    forS: 10,
    clearForS: 10,
    severity: "warning",
    remedy: "",
  };
}

/** The draft of a rule; `null` for one that the form cannot show whole. */
export function draftOf(rule: AlertRule): RuleDraft | null {
  const { condition } = rule;
  const draft = {
    ...newDraft(),
    name: rule.name,
    forS: rule.for_s,
    clearForS: rule.clear_for_s,
    severity: rule.severity,
    remedy: rule.remedy,
  };
  switch (condition.kind) {
    case "threshold":
    case "rate": {
      const { kind, metric, side, value, clear, over_s } = condition;
      return { ...draft, kind, metric, side, value, clear: clear ?? null, over: over_s };
    }
    case "absence":
      return { ...draft, kind: "absence", metric: condition.metric, over: condition.over_s };
    case "error":
      return { ...draft, kind: "error", code: condition.code };
    case "status":
      return null;
  }
}

/** The rule that a draft makes. */
export function ruleOf(draft: RuleDraft, before: AlertRule | null): NewAlertRule {
  return {
    name: draft.name,
    condition: conditionOf(draft, before?.condition ?? null),
    for_s: draft.forS,
    clear_for_s: draft.clearForS,
    severity: draft.severity,
    remedy: draft.remedy,
  };
}

function conditionOf(draft: RuleDraft, before: AlertCondition | null): AlertCondition {
  const { kind, metric, side, value, clear, over } = draft;
  switch (kind) {
    case "threshold": {
      const aggregate = (before?.kind === "threshold" && before.aggregate) || "mean";
      return { kind, metric, side, value, clear, over_s: over, aggregate };
    }
    case "rate":
      return { kind, metric, side, value, clear, over_s: over };
    case "absence":
      return { kind, metric, over_s: over };
    case "error": {
      const least = before?.kind === "error" ? before.least : "warning";
      return { kind, code: draft.code, least };
    }
  }
}
