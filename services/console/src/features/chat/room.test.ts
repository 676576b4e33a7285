import { expect, it, vi } from "vitest";
import type { Api } from "../../api/client.ts";
import type { ChatMessage, EventMessage } from "../../api/types.ts";
import { ManualClock } from "../../clock.ts";
import { ChatRoom } from "./room.ts";

const sent_at = "2030-01-01T00:00:00.000Z";
const pin = { id: "a", user: "u", name: "Ada", role: "viewer", text: "hi", sent_at } as ChatMessage;

function told(event: string, data: unknown): EventMessage {
  return { channel: "chat", stream: "main", offset: 1, time: sent_at, event, data } as EventMessage;
}

it("says how much is left out, until nothing is any more", async () => {
  const clock = new ManualClock();
  const room = new ChatRoom({} as Api, clock, "main");
  room.event(told("chat.sampled", { left_out: 5, left_out_this_second: 40 }));
  await clock.advance(1_500);
  room.event(told("chat.sampled", { left_out: 5, left_out_this_second: 45 }));
  await clock.advance(1_500);
  expect(room.leftOut.get()).toBe(45);
  await clock.advance(1_000);
  expect(room.leftOut.get()).toBe(0);
});

it("reads what is pinned with each snapshot, and follows what changes", async () => {
  const response = { ok: true, headers: new Headers() };
  const answers: Record<string, unknown> = {
    "/api/chat/pins": { pins: [pin] },
    "/api/chat/rules": { slow_mode_s: 5 },
  };
  const GET = vi.fn(async (path: string) => ({ data: answers[path], response }));
  const room = new ChatRoom({ GET } as unknown as Api, new ManualClock(), "main");
  room.snapshot();
  await vi.waitFor(() => expect(room.slowMode.get()).toBe(5));
  expect(room.pins.get()).toEqual([pin]);
  room.event(told("chat.pins.changed", { pins: [] }));
  room.event(told("chat.rules.changed", { revision: 2, slow_mode_s: 0, links: "allow" }));
  room.event(told("chat.rules.changed", null));
  expect(room.pins.get()).toEqual([]);
  expect(room.slowMode.get()).toBe(0);
});
