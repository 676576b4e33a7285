import * as v from "valibot";
import type { ClientMessage, ServerMessage } from "../api/types.ts";

export const SUBPROTOCOL = "stream-manager.v1+json";

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const channel = v.picklist(["stream-state", "layer-updates", "metrics", "chat"]);

const event = v.object({
  channel,
  stream: v.string(),
  offset: count,
  time: v.pipe(v.string(), v.isoTimestamp()),
  // Any name: an event type of a newer server is passed on and ignored by who does not know it.
  event: v.string(),
  data: v.unknown(),
});

const message = v.variant("type", [
  v.object({
    type: v.literal("welcome"),
    session: v.string(),
    heartbeat_ms: count,
    limits: v.looseObject({ messages_per_second: count }),
    authenticated: v.boolean(),
  }),
  v.object({
    type: v.literal("subscribed"),
    id: count,
    channel,
    stream: v.string(),
    recovered: v.boolean(),
    epoch: v.string(),
    offset: count,
    snapshot: v.optional(v.unknown()),
  }),
  v.object({ type: v.literal("ack"), id: count }),
  v.object({ type: v.literal("event"), ...event.entries }),
  v.object({ type: v.literal("batch"), events: v.array(event) }),
  v.object({
    type: v.literal("error"),
    id: v.nullish(count),
    code: v.string(),
    detail: v.string(),
    retry_after_ms: v.nullish(count),
  }),
  v.object({ type: v.literal("pong"), id: count }),
  v.object({ type: v.literal("link"), live: v.boolean() }),
  v.object({ type: v.literal("goodbye"), reason: v.string(), reconnect_after_ms: count }),
]);

/** Reads a frame; `null` when it is no message of the protocol. */
export function parseServerMessage(frame: unknown): ServerMessage | null {
  if (typeof frame !== "string") return null;
  let json: unknown;
  try {
    json = JSON.parse(frame);
  } catch {
    return null;
  }
  const parsed = v.safeParse(message, json);
  return parsed.success ? (parsed.output as ServerMessage) : null;
}

export function formatClientMessage(said: ClientMessage): string {
  return JSON.stringify(said);
}
