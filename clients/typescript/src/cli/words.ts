import type { LinkState } from "../link/state.ts";
import type {
  Alert,
  Channel,
  ChatMessage,
  LayerList,
  MetricsSample,
  OutputState,
  Present,
  StreamState,
} from "../protocol/messages.ts";
import type { SubscriptionEvent } from "../subscription/events.ts";
import type { Paint } from "./paint.ts";

/** An event as one line for people; `null` when there is nothing to say. */
export function eventLine(event: SubscriptionEvent<Channel>, paint: Paint): string | null {
  switch (event.type) {
    case "snapshot":
      return snapshotLines(event.channel, event.value, paint);
    case "resumed":
    case "refused":
      return null;
    case "unknown":
      return line(event.time, event.event, "", paint);
    default:
      return line(event.time, event.type, summary(event), paint);
  }
}

/** Who watches a channel, as lines for people. */
export function presenceLines(channel: Channel, present: Present, paint: Paint): string {
  const { connections, people, more } = present;
  const count = `${connections} ${connections === 1 ? "connection" : "connections"}`;
  const named = (people ?? []).map(({ name, role }) => `  ${oneLine(name)} ${paint.dim(role)}`);
  return [`${paint.bold(channel)} ${count}`, ...named, ...(more ? ["  and others"] : [])].join(
    "\n",
  );
}

/** The link as one line for people. */
export function linkLine(state: LinkState, url: URL, now: number): string {
  switch (state.kind) {
    case "closed":
      return "disconnected";
    case "connecting":
      return `connecting to ${url.host}`;
    case "live":
      return state.hearsEvents ? "connected" : "connected, but the server hears no events now";
    case "stale":
      return "the server is silent; what was printed may be old";
    case "waiting":
      return `not connected; trying again in ${seconds(state.retryAt - now)}`;
    case "offline":
      return "no network; trying on";
    case "refused":
      return state.reason;
  }
}

type Told = Exclude<
  SubscriptionEvent<Channel>,
  { type: "snapshot" | "resumed" | "refused" | "unknown" }
>;

function summary(event: Told): string {
  switch (event.type) {
    case "stream.state.changed":
      return stateWords(event.data);
    case "stream.error.raised":
    case "stream.error.cleared":
      return `${event.data.component}: ${event.data.message}`;
    case "stream.interrupted":
      return `${event.data.length_ms} ms: ${event.data.cause}`;
    case "stream.output.status.changed":
      return `${event.data.name}: ${event.data.status}${because(event.data.error)}`;
    case "stream.output.adapted":
      return `${event.data.name}: ${adaptationWords(event.data.adaptive)}`;
    case "stream.metrics.sampled":
      return figures(event.data);
    case "layer.created":
      return event.data.layer.name;
    case "layer.updated":
      return `${event.data.layer.name}: ${event.data.changed.join(" ")}`;
    case "layer.deleted":
      return event.data.layer;
    case "layer.status.changed":
      return `${event.data.layer}: ${event.data.state}${because(event.data.reason)}`;
    case "layer.reordered":
    case "scene.reordered":
      return `${event.data.order.length} in a new order`;
    case "group.created":
      return event.data.group.name;
    case "group.updated":
      return `${event.data.group.name}: ${event.data.changed.join(" ")}`;
    case "group.deleted":
      return event.data.group;
    case "variables.changed":
      return event.data.changed.join(" ");
    case "scene.created":
    case "scene.updated":
      return event.data.scene.name;
    case "scene.deleted":
    case "scene.taken":
      return event.data.scene;
    case "scene.draft.begun":
      return `${event.data.draft.user_name} prepares ${event.data.scene}`;
    case "scene.draft.ended":
      return `${event.data.scene}: ${event.data.outcome}`;
    case "scene.preview.changed":
      return event.data.preview ?? "nothing";
    case "scene.take.started":
      return event.data.take.scene;
    case "template.created":
      return event.data.title;
    case "template.deleted":
      return event.data.name;
    case "schedule.created":
      return event.data.name;
    case "schedule.ended":
      return `${event.data.schedule.name} ${event.data.outcome}`;
    case "chat.message.posted":
    case "chat.message.edited":
      return messageWords(event.data);
    case "chat.message.deleted":
      return event.data.id;
    case "chat.pins.changed":
      return `${event.data.pins.length} pinned`;
    case "chat.rules.changed":
      return `slow mode ${event.data.slow_mode_s} s, links: ${event.data.links}`;
    case "chat.held.changed":
      return `${event.data.id} ${event.data.waits ? "waits for a moderator" : "is decided"}`;
    case "chat.user.silenced":
      return `${event.data.name ?? event.data.user}${untilWords(event.data.until)}`;
    case "chat.user.restored":
      return event.data.user;
    case "chat.sampled":
      return `${event.data.left_out} messages left out`;
    case "alert.fired":
    case "alert.muted":
    case "alert.resolved":
      return alertWords(event.data);
    case "incident.opened":
    case "incident.updated":
    case "incident.resolved":
      return `${event.data.severity}: ${event.data.title}`;
    case "system.health.changed":
      return `${event.data.component} is ${event.data.state}${because(event.data.reason)}`;
  }
}

function alertWords({ severity, name, reason }: Alert): string {
  return `${severity}: ${name}${because(reason)}`;
}

function untilWords(until: string | null | undefined): string {
  return until ? ` until ${clockTime(until)}` : " for ever";
}

function adaptationWords(adaptive: OutputState["adaptive"]): string {
  if (!adaptive) return "no longer adapts";
  if (adaptive.reduced) return `reduced to ${adaptive.video_kbps} kbit/s`;
  return `as the program${because(adaptive.code)}`;
}

function snapshotLines(channel: Channel, value: unknown, paint: Paint): string | null {
  // The shapes follow from the channel, as `ChannelSnapshots` says.
  switch (channel) {
    case "stream-state":
      return now(channel, stateWords(value as StreamState), paint);
    case "metrics":
      return value === null ? null : now(channel, figures(value as MetricsSample), paint);
    case "layer-updates": {
      const list = value as LayerList | null;
      if (list === null) return now(channel, "no scene yet", paint);
      return now(channel, `${list.scene.name}: ${list.layers.length} layers`, paint);
    }
    case "chat": {
      const messages = value as ChatMessage[];
      if (messages.length === 0) return null;
      const lines = messages.map((message) =>
        line(message.sent_at, "chat.message.posted", messageWords(message), paint),
      );
      return lines.join("\n");
    }
    case "alerts": {
      const alerts = value as Alert[];
      if (alerts.length === 0) return now(channel, "nothing fires", paint);
      const lines = alerts.map((alert) =>
        line(alert.fired_at, "alert.fired", alertWords(alert), paint),
      );
      return lines.join("\n");
    }
  }
}

function line(time: string, type: string, text: string, paint: Paint): string {
  return `${paint.dim(clockTime(time))} ${paint.bold(type)} ${oneLine(text)}`.trimEnd();
}

function now(channel: Channel, text: string, paint: Paint): string {
  return `${paint.dim("now     ")} ${paint.bold(channel)} ${oneLine(text)}`;
}

/** The viewer's own clock, in 24 hours. */
function clockTime(time: string): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? "--:--:--" : date.toTimeString().slice(0, 8);
}

/** Texts come from others: nothing in them may steer the terminal. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, " ");
}

export function messageWords({ name, text }: ChatMessage): string {
  return `${name}: ${text}`;
}

function stateWords({ status, reason, viewers }: StreamState): string {
  return `${status}, ${viewers.current} watching${because(reason)}`;
}

function figures({ performance, viewers }: MetricsSample): string {
  return [
    figure(performance.bitrate_kbps, 0, "kbit/s"),
    figure(performance.fps, 1, "fps"),
    figure(performance.frames_dropped, 0, "dropped"),
    figure(performance.cpu_cores, 2, "cores"),
    `${viewers.current} watching`,
  ].join("  ");
}

/** A figure that is not known is a dash, never a zero. */
function figure(value: number | null | undefined, digits: number, unit: string): string {
  return `${value == null ? "–" : value.toFixed(digits)} ${unit}`;
}

function because(reason: string | null | undefined): string {
  return reason ? ` (${reason})` : "";
}

function seconds(ms: number): string {
  return `${(Math.max(0, ms) / 1_000).toFixed(1)} s`;
}
