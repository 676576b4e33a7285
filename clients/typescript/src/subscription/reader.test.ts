import { expect, it } from "vitest";
import type { EventMessage, ServerSays } from "../protocol/messages.ts";
import { newReader, type Reader, type ReaderInput, read, readerDueAt } from "./reader.ts";

const NOW = 50_000;
const world = { now: NOW, id: 9 };
const position = { epoch: "a", offset: 5 };
const known: Reader = { ...newReader(false), position };

const down: Reader = known;
const asking: Reader = { ...known, phase: { at: "asking", id: 4, askedAt: NOW - 100 } };
const unanswered: Reader = { ...known, phase: { at: "asking", id: 4, askedAt: NOW - 5_000 } };
const reading: Reader = { ...known, phase: { at: "reading" } };
const conflated: Reader = { ...reading, mayBeConflated: true };
const resynced: Reader = { ...reading, resyncedAt: NOW - 999 };
const pausing: Reader = { ...known, phase: { at: "pausing", until: NOW + 100 } };
const rested: Reader = { ...known, phase: { at: "pausing", until: NOW } };
const refused: Reader = { ...known, phase: { at: "refused" } };
const readers = {
  down,
  asking,
  unanswered,
  reading,
  conflated,
  resynced,
  pausing,
  rested,
  refused,
};
type Kind = keyof typeof readers;
type At = Reader["phase"]["at"];

const event = (offset: number): ReaderInput => ({
  type: "event",
  message: {
    channel: "chat",
    stream: "main",
    offset,
    time: "",
    event: "chat.message.posted",
    data: 0,
  } as EventMessage,
});
const subscribed = (id: number, recovered: boolean): ReaderInput => ({
  type: "subscribed",
  message: {
    type: "subscribed",
    id,
    channel: "chat",
    stream: "main",
    recovered,
    epoch: "b",
    offset: 7,
    snapshot: [],
  } satisfies ServerSays<"subscribed">,
});
const error = (id: number, code: string): ReaderInput => ({
  type: "error",
  message: { type: "error", id, code, detail: "" },
});

/** Phase after, news and whether it asks, by reader; who is absent stays as it is and says nothing. */
type Outcome = readonly [at: At, news: string | null, asks: boolean];
const ASKS: Outcome = ["asking", null, true];
const NEXT: Outcome = ["reading", "event", false];
const table: readonly (readonly [string, ReaderInput, Partial<Record<Kind, Outcome>>])[] = [
  [
    "connected",
    { type: "connected" },
    Object.fromEntries(Object.keys(readers).map((kind) => [kind, ASKS])),
  ],
  [
    "disconnected",
    { type: "disconnected" },
    Object.fromEntries(Object.keys(readers).map((kind) => [kind, ["down", null, false]])),
  ],
  [
    "restart",
    { type: "restart" },
    {
      ...Object.fromEntries(Object.keys(readers).map((kind) => [kind, ASKS])),
      down: ["down", null, false],
    },
  ],
  ["proven", { type: "proven" }, { refused: ASKS }],
  ["doubted", { type: "doubted" }, { reading: ASKS, conflated: ASKS, resynced: ASKS }],
  ["timer", { type: "timer" }, { unanswered: ASKS, rested: ASKS }],
  ["the next event", event(6), { reading: NEXT, conflated: NEXT, resynced: NEXT }],
  [
    "an event after a gap",
    event(8),
    { reading: ASKS, conflated: NEXT, resynced: ["pausing", null, false] },
  ],
  [
    "an event again",
    event(5),
    { reading: ASKS, conflated: ASKS, resynced: ["pausing", null, false] },
  ],
  [
    "the answer",
    subscribed(4, true),
    { asking: ["reading", "resumed", false], unanswered: ["reading", "resumed", false] },
  ],
  [
    "the answer with a snapshot",
    subscribed(4, false),
    { asking: ["reading", "snapshot", false], unanswered: ["reading", "snapshot", false] },
  ],
  ["a late answer", subscribed(3, false), {}],
  [
    "a snapshot for everybody",
    subscribed(0, false),
    {
      reading: ["reading", "snapshot", false],
      conflated: ["reading", "snapshot", false],
      resynced: ["reading", "snapshot", false],
      pausing: ["reading", "snapshot", false],
      rested: ["reading", "snapshot", false],
    },
  ],
  [
    "refused for now",
    error(4, "service.unavailable"),
    { asking: ["pausing", "refused", false], unanswered: ["pausing", "refused", false] },
  ],
  [
    "refused to this person",
    error(4, "auth.role.insufficient"),
    { asking: ["refused", "refused", false], unanswered: ["refused", "refused", false] },
  ],
  ["another's refusal", error(3, "service.unavailable"), {}],
];

const cases = table.flatMap(([name, input, outcomes]) =>
  (Object.keys(readers) as Kind[]).map((kind) => ({ name, kind, input, outcome: outcomes[kind] })),
);

it.each(cases)("$name when $kind", ({ kind, input, outcome }) => {
  const before = readers[kind];
  const { reader, news, ask } = read(before, input, world);
  expect([reader.phase.at, news?.kind ?? null, ask]).toEqual(
    outcome ?? [before.phase.at, null, false],
  );
  if (ask) expect(reader.phase).toEqual({ at: "asking", id: world.id, askedAt: NOW });
});

it("keeps its position until something later was read", () => {
  expect(read(reading, event(8), world).reader.position).toEqual(position);
  expect(read(reading, { type: "disconnected" }, world).reader.position).toEqual(position);
  expect(read(reading, event(6), world).reader.position).toEqual({ epoch: "a", offset: 6 });
  expect(read(asking, subscribed(4, false), world).reader.position).toEqual({
    epoch: "b",
    offset: 7,
  });
});

it("wants to be woken when an answer is overdue and when a pause is over", () => {
  expect(readerDueAt(asking)).toBe(NOW - 100 + 5_000);
  expect(readerDueAt(pausing)).toBe(NOW + 100);
  for (const quiet of [down, reading, refused]) expect(readerDueAt(quiet)).toBeNull();
});
