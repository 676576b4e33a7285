import { expect, it } from "vitest";
import { jsonCodec } from "./json-codec.ts";
import { writeMessagePack } from "./message-pack.ts";
import { messagePackCodec } from "./message-pack-codec.ts";
import { readServerMessage } from "./server-message.ts";

const event = {
  channel: "chat",
  stream: "main",
  offset: 6,
  time: "2030-01-01T00:00:00.000Z",
  event: "chat.message.posted",
  data: {},
};
const messages: Record<string, unknown>[] = [
  { type: "welcome", session: "c", heartbeat_ms: 10_000, limits: {}, authenticated: true },
  {
    type: "subscribed",
    id: 1,
    channel: "chat",
    stream: "main",
    recovered: true,
    epoch: "a",
    offset: 0,
  },
  { type: "ack", id: 1 },
  { type: "event", ...event },
  { type: "batch", events: [event] },
  { type: "error", code: "internal", detail: "our fault" },
  { type: "pong", id: 1 },
  { type: "link", live: false },
  { type: "goodbye", reason: "drain", reconnect_after_ms: 700 },
];

it.each(messages)("reads $type, with fields of a newer server", (message) => {
  const newer = { ...message, novelty: 1 };
  expect(jsonCodec.decode(JSON.stringify(newer))).toEqual(newer);
  expect(messagePackCodec.decode(writeMessagePack(newer).buffer)).toEqual(newer);
});

it.each(
  messages.flatMap((message) =>
    Object.keys(message).map((field) => ({ type: message.type, field, message })),
  ),
)("does not read $type without $field", ({ field, message }) => {
  const { [field]: _, ...rest } = message;
  expect(readServerMessage(rest)).toBeNull();
});

it.each([
  [""],
  ["{"],
  ["null"],
  ["[]"],
  ['{"type":"constructor"}'],
  ['{"type":7}'],
  ['{"type":"pong","id":-1}'],
  ['{"type":"pong","id":1.5}'],
  ['{"type":"batch","events":[{}]}'],
  ['{"type":"ack","id":1,"present":{"connections":"two"}}'],
  ['{"type":"ack","id":1,"present":{"connections":2,"people":"Ana"}}'],
  [new ArrayBuffer(4)],
])("does not read %s", (frame) => {
  expect(jsonCodec.decode(frame)).toBeNull();
  expect(messagePackCodec.decode(frame)).toBeNull();
});
