import type { ServerMessage } from "./messages.ts";

/** Takes a value for a message when everything that the client relies on is there. */
export function readServerMessage(value: unknown): ServerMessage | null {
  if (!isObject(value) || typeof value.type !== "string") return null;
  const fits = Object.hasOwn(FITS, value.type) && FITS[value.type as ServerMessage["type"]](value);
  return fits ? (value as ServerMessage) : null;
}

type Fields = Readonly<Record<string, unknown>>;

const FITS: Record<ServerMessage["type"], (fields: Fields) => boolean> = {
  welcome: ({ session, heartbeat_ms, limits, authenticated }) =>
    isText(session) && isCount(heartbeat_ms) && isObject(limits) && isBoolean(authenticated),
  subscribed: (fields) =>
    isCount(fields.id) &&
    isText(fields.channel) &&
    isText(fields.stream) &&
    isBoolean(fields.recovered) &&
    isText(fields.epoch) &&
    isCount(fields.offset),
  ack: ({ id, present }) => isCount(id) && (present == null || isPresent(present)),
  event: isEvent,
  batch: ({ events }) => Array.isArray(events) && events.every(isEvent),
  error: ({ id, code, detail, retry_after_ms }) =>
    isCountOrNothing(id) && isText(code) && isText(detail) && isCountOrNothing(retry_after_ms),
  pong: ({ id }) => isCount(id),
  link: ({ live }) => isBoolean(live),
  goodbye: ({ reason, reconnect_after_ms }) => isText(reason) && isCount(reconnect_after_ms),
};

function isEvent(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { channel, stream, offset, time, event } = value;
  return (
    isText(channel) &&
    isText(stream) &&
    isCount(offset) &&
    isText(time) &&
    isText(event) &&
    "data" in value
  );
}

function isPresent(value: unknown): boolean {
  if (!isObject(value)) return false;
  return isCount(value.connections) && (value.people == null || Array.isArray(value.people));
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isBoolean(value: unknown): value is boolean {
  return typeof value === "boolean";
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isCountOrNothing(value: unknown): boolean {
  return value === undefined || value === null || isCount(value);
}
