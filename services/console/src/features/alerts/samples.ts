import type { Alert, AlertRule, Incident } from "../../api/types.ts";

export function alertOf(part: Partial<Alert> = {}): Alert {
  return {
    id: "a-1",
    rule: "low-frame-rate",
    name: "The frame rate is low",
    stream: "main",
    severity: "error",
    labels: {},
    state: "firing",
    reason: "fps is 12.000 frames/s over 5 s; below 20 is wrong",
    remedy: "The host has too little CPU for the program.",
    value: 12,
    since: "2030-01-01T00:00:00.000Z",
    fired_at: "2030-01-01T00:00:03.000Z",
    resolved_at: null,
    muted: null,
    ...part,
  };
}

export function ruleOf(part: Partial<AlertRule> = {}): AlertRule {
  return {
    id: "low-frame-rate",
    name: "The frame rate is low",
    built_in: true,
    enabled: true,
    stream: null,
    condition: {
      kind: "threshold",
      metric: "fps",
      side: "below",
      value: 20,
      clear: 23,
      over_s: 5,
      aggregate: "mean",
    },
    when: "on-air",
    for_s: 3,
    clear_for_s: 5,
    severity: "error",
    labels: {},
    remedy: "The host has too little CPU for the program.",
    inhibited_by: [],
    revision: 0,
    changed_by: null,
    changed_at: null,
    ...part,
  };
}

export function incidentOf(part: Partial<Incident> = {}): Incident {
  return {
    id: "i-1",
    stream: "main",
    state: "open",
    severity: "error",
    title: "engine: the media worker was killed by signal 9",
    began_at: "2030-01-01T00:00:00.000Z",
    detected_at: "2030-01-01T00:00:00.400Z",
    resolved_at: null,
    recovery_ms: null,
    affected: ["engine", "output:tube"],
    causes: [
      {
        component: "engine",
        code: "worker.killed",
        score: 0.85,
        evidence: [
          { kind: "coverage", score: 1, text: "explains 2 of 2 parts" },
          { kind: "change", score: 0, text: "nobody changed it just before" },
        ],
        remedy: "It was killed: look in the host's log.",
      },
    ],
    timeline: [
      {
        at: "2030-01-01T00:00:00.000Z",
        kind: "sign",
        component: "engine",
        code: "worker.killed",
        text: "the media worker was killed by signal 9",
      },
    ],
    ...part,
  };
}
