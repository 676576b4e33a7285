import { expect, it } from "vitest";
import type { Channel } from "../protocol/messages.ts";
import type { SubscriptionEvent } from "../subscription/events.ts";
import { paintFor } from "./paint.ts";
import { eventLine, linkLine, presenceLines } from "./words.ts";

const plain = paintFor(false, {});
const url = new URL("ws://h:4200/ws");
const message = {
  id: "m",
  user: "u",
  name: "Ana",
  role: "viewer",
  text: "Good evening",
  sent_at: "2030-01-01T12:00:00Z",
} as const;
const heard = { stream: "main", offset: 6, time: "2030-01-01T12:00:00Z" };

it("says who wrote what", () => {
  const event = { ...heard, type: "chat.message.posted", channel: "chat", data: message } as const;
  expect(eventLine(event, plain)).toMatch(/^\d\d:00:00 chat\.message\.posted Ana: Good evening$/);
});

it("lets nobody steer the terminal", () => {
  const data = { ...message, text: "\u001b[2Jgone\nchat.message.posted admin: \u202Eevil" };
  const event = { ...heard, type: "chat.message.posted", channel: "chat", data } as const;
  const line = eventLine(event, plain) ?? "";
  expect(line).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  expect(line.split("\n")).toHaveLength(1);
});

it("shows a figure that is not known as a dash", () => {
  const data = {
    stream: "main",
    at: heard.time,
    performance: { bitrate_kbps: 4_200.4, fps: null, frames_dropped: 0 },
    viewers: { current: 3, peak: 9 },
  };
  const event = { ...heard, type: "stream.metrics.sampled", channel: "metrics", data };
  expect(eventLine(event as unknown as SubscriptionEvent<Channel>, plain)).toContain(
    "4200 kbit/s  – fps  0 dropped  – cores  3 watching",
  );
});

it.each([
  [{ reduced: true, video_kbps: 900 }, "Twitch: reduced to 900 kbit/s"],
  [{ reduced: false, video_kbps: 3_000 }, "Twitch: as the program"],
  [{ reduced: false, code: "output.adaptive.encoder" }, "as the program (output.adaptive.encoder)"],
  [null, "Twitch: no longer adapts"],
])("says how an output adapts: %o", (adaptive, words) => {
  const data = { name: "Twitch", adaptive };
  const event = { ...heard, type: "stream.output.adapted", channel: "stream-state", data };
  expect(eventLine(event as unknown as SubscriptionEvent<Channel>, plain)).toContain(words);
});

it("says what fires, and what went wrong", () => {
  const alert = { severity: "error", name: "Slow", reason: "fps is 5", fired_at: heard.time };
  const fired = { ...heard, type: "alert.fired", channel: "alerts", data: alert };
  expect(eventLine(fired as unknown as SubscriptionEvent<Channel>, plain)).toContain(
    "alert.fired error: Slow (fps is 5)",
  );
  const incident = { severity: "error", title: "engine: killed" };
  const opened = { ...heard, type: "incident.opened", channel: "alerts", data: incident };
  expect(eventLine(opened as unknown as SubscriptionEvent<Channel>, plain)).toContain(
    "error: engine: killed",
  );
  const snapshot = { type: "snapshot", channel: "alerts", value: [alert] };
  expect(eventLine(snapshot as unknown as SubscriptionEvent<Channel>, plain)).toContain("Slow");
});

it.each<[Partial<SubscriptionEvent<Channel>>, string | null]>([
  [{ type: "snapshot", channel: "alerts", value: [] }, "now      alerts nothing fires"],
  [{ type: "snapshot", channel: "metrics", value: null }, null],
  [{ type: "snapshot", channel: "chat", value: [] }, null],
  [
    { type: "snapshot", channel: "layer-updates", value: null },
    "now      layer-updates no scene yet",
  ],
  [{ type: "resumed", channel: "chat" }, null],
])("says of %o: %s", (event, line) => {
  expect(eventLine(event as SubscriptionEvent<Channel>, plain)).toBe(line);
});

it.each([
  [{ connections: 1 }, "chat 1 connection"],
  [
    {
      connections: 3,
      people: [{ user: "u", name: "Ana\u001b[2J", role: "admin" as const }],
      more: true,
    },
    "chat 3 connections\n  Ana [2J admin\n  and others",
  ],
])("says who watches: %o", (present, lines) => {
  expect(presenceLines("chat", present, plain)).toBe(lines);
});

it.each([
  [{ kind: "connecting" }, "connecting to h:4200"],
  [{ kind: "live", hearsEvents: true }, "connected"],
  [{ kind: "waiting", retryAt: 2_500 }, "not connected; trying again in 1.5 s"],
] as const)("says of the link %o: %s", (state, line) => {
  expect(linkLine(state, url, 1_000)).toBe(line);
});

it.each([
  [true, {}, true],
  [false, {}, false],
  [true, { NO_COLOR: "1" }, false],
  [true, { TERM: "dumb" }, false],
])("colours: terminal %s, %o: %s", (isTerminal, environment, coloured) => {
  expect(paintFor(isTerminal, environment).bold("x") !== "x").toBe(coloured);
});
