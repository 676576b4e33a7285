import type {
  EndedSchedule,
  ScheduledCommand,
  ScheduleOutcome,
  ScheduleSummary,
  Trigger,
} from "../../api/types.ts";
import { formatTime } from "../../ui/format.ts";

/** Names of scenes and layers, as far as they are known. */
export interface Names {
  scene(id: string): string | null;
  layer(id: string): string | null;
}

export const OUTCOMES: Record<ScheduleOutcome, string> = {
  done: "Done",
  failed: "Failed",
  skipped: "Skipped",
  cancelled: "Withdrawn",
};

/** What is done, such as `Take “News”`. */
export function deedOf({ command, scene }: ScheduleSummary, names: Names): string {
  if (command) return commandOf(command, names);
  const name = scene ? names.scene(scene) : null;
  return name ? `Change layers of “${name}”` : "Change layers";
}

function commandOf(command: ScheduledCommand, names: Names): string {
  switch (command.action) {
    case "start":
      return "Start the stream";
    case "stop":
      return "Stop the stream";
    case "record-start":
      return "Start recording";
    case "record-stop":
      return "Stop recording";
    case "take": {
      if (!command.scene) return "Take the scene in preview";
      return `Take “${names.scene(command.scene) ?? "a scene that is gone"}”`;
    }
  }
}

/** When it is done, such as `at 12:00:00` or `2 s after “News” is taken`. */
export function triggerOf(trigger: Trigger, names: Names): string {
  switch (trigger.kind) {
    case "at":
      return `at ${momentOf(trigger.at)}`;
    case "after-take":
      return `${delayOf(trigger.delay_ms)}after “${names.scene(trigger.scene) ?? "?"}” is on air`;
    case "at-end":
      return `${delayOf(trigger.delay_ms)}at the end of “${names.layer(trigger.layer) ?? "a layer"}”`;
  }
}

/** The time, and the day where that is not today. */
export function momentOf(time: string, today = new Date()): string {
  const day = new Date(time).toLocaleDateString("en-GB");
  const clock = formatTime(time);
  return day === today.toLocaleDateString("en-GB") ? clock : `${day} ${clock}`;
}

/** How long until a moment: `in 2:03`, or `now`. */
export function untilOf(due: string, now: number): string {
  const seconds = Math.ceil((Date.parse(due) - now) / 1000);
  if (seconds <= 0) return "now";
  const pad = (part: number) => String(part).padStart(2, "0");
  const [days, hours] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600) % 24];
  if (days > 0) return `in ${days} d ${hours} h`;
  const minutes = Math.floor(seconds / 60) % 60;
  const rest = `${hours > 0 ? pad(minutes) : minutes}:${pad(seconds % 60)}`;
  return hours > 0 ? `in ${hours}:${rest}` : `in ${rest}`;
}

/** What became of it, and why, where it was not done. */
export function endOf({ outcome, detail, ended_at }: EndedSchedule): string {
  const why = outcome === "done" || !detail ? "" : `: ${detail}`;
  return `${OUTCOMES[outcome]} ${momentOf(ended_at)}${why}`;
}

function delayOf(ms: number): string {
  return ms > 0 ? `${ms / 1000} s ` : "";
}
