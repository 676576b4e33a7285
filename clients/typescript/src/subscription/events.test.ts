import { expect, expectTypeOf, it } from "vitest";
import { scene } from "../../test-kit/scene.ts";
import type { ChatMessage, MetricsSample, Schemas, StreamState } from "../protocol/messages.ts";
import { type SubscriptionEvent, toSubscriptionEvent } from "./events.ts";

// The types are the test: `npm run check` compiles it, and nothing of it has to run.
it("gives data the type that follows from the event", () => {
  const { client } = scene([]);
  client.subscribe("chat", {}, (event) => {
    expectTypeOf(event).toEqualTypeOf<SubscriptionEvent<"chat">>();
    if (event.type === "snapshot") expectTypeOf(event.value).toEqualTypeOf<ChatMessage[]>();
    if (event.type === "chat.message.posted") expectTypeOf(event.data).toEqualTypeOf<ChatMessage>();
    if (event.type === "unknown") expectTypeOf(event.data).toEqualTypeOf<unknown>();
    // @ts-expect-error: another channel's event
    if (event.type === "layer.created") expect.unreachable();
  });
  client.subscribe("stream-state", { stream: "other" }, (event) => {
    if (event.type === "snapshot") expectTypeOf(event.value).toEqualTypeOf<StreamState>();
    if (event.type === "stream.interrupted") {
      expectTypeOf(event.data).toEqualTypeOf<Schemas["StreamInterrupted"]>();
    }
  });
  client.subscribe("metrics", {}, (event) => {
    if (event.type === "snapshot") expectTypeOf(event.value).toEqualTypeOf<MetricsSample | null>();
  });
  // @ts-expect-error: no such channel
  expect(() => client.subscribe("weather", {}, () => {})).not.toThrow();
  // @ts-expect-error: only the chat takes messages
  client.publish("metrics", "no").catch(() => {});
});

it("gives null for a snapshot that is left out", () => {
  const message = {
    type: "subscribed",
    id: 1,
    channel: "metrics",
    stream: "main",
    recovered: false,
    epoch: "a",
    offset: 0,
  } as const;
  expect(toSubscriptionEvent("metrics", "main", { kind: "snapshot", message }, true)).toMatchObject(
    {
      type: "snapshot",
      value: null,
      first: true,
    },
  );
});
