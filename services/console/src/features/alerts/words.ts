import type { Alert, AlertCondition, AlertDryRun, Incident } from "../../api/types.ts";
import { formatAge, formatNumber } from "../../ui/format.ts";

/** The tone in which a severity is shown. */
export function toneOf(severity: Alert["severity"]): "bad" | "warn" | "calm" {
  switch (severity) {
    case "critical":
    case "error":
      return "bad";
    case "warning":
      return "warn";
    case "info":
      return "calm";
  }
}

/** Why nobody is told of an alert. */
export function muteWords({ muted }: Alert): string | null {
  switch (muted?.by) {
    case "silence":
      return "silenced";
    case "maintenance":
      return "maintenance";
    case "inhibition":
      return `covered by ${muted.rule}`;
    case undefined:
      return null;
  }
}

/** What breaks a rule, in a line. */
export function conditionWords(condition: AlertCondition): string {
  switch (condition.kind) {
    case "threshold":
      return `${condition.metric} ${condition.side} ${condition.value} over ${condition.over_s} s`;
    case "rate":
      return `${condition.metric} changes ${condition.side} ${condition.value} a second over ${condition.over_s} s`;
    case "absence":
      return `no ${condition.metric} for ${condition.over_s} s`;
    case "error":
      return `an error ${condition.code}…, ${condition.least} at least`;
    case "status":
      return `the stream is ${condition.statuses.join(" or ")}`;
  }
}

/** What a rule would have done. */
export function dryRunWords({ fired, firing_s, not_judged, looks }: AlertDryRun): string {
  const times = fired === 1 ? "once" : `${formatNumber(fired)} times`;
  const unknown = looks > 0 ? Math.round((100 * not_judged) / looks) : 0;
  const gap = unknown > 0 ? ` For ${unknown} % of the time nothing was measured.` : "";
  if (fired === 0) return `It would not have fired.${gap}`;
  return `It would have fired ${times}, ${formatAge(firing_s * 1000)} in all.${gap}`;
}

/** How long an incident took, or takes. */
export function lengthWords({ began_at, recovery_ms }: Incident, now: number): string {
  if (recovery_ms != null) return `over after ${formatAge(recovery_ms)}`;
  return `for ${formatAge(Math.max(0, now - Date.parse(began_at)))}`;
}
