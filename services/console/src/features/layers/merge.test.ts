import { describe, expect, it } from "vitest";
import { merge } from "./merge.ts";
import { laidOver, leaves, type Patch, valueAt } from "./patch.ts";
import { textLayer } from "./samples.ts";

const OUTLINE = { color: "#000000", width: 2 };
const base = laidOver(textLayer(), { source: { style: { outline: OUTLINE } } });

interface Case {
  readonly what: string;
  readonly mine: Patch;
  readonly theirs: Patch;
  /** What is written onto theirs. */
  readonly patch: Patch;
  /** Pointer, base, mine and theirs of what is asked about. */
  readonly asked?: readonly (readonly unknown[])[];
  /** The pointers of what is told of theirs. */
  readonly told?: readonly string[];
}

const cases: readonly Case[] = [
  { what: "nobody else", mine: { opacity: 0.5 }, theirs: {}, patch: { opacity: 0.5 } },
  {
    what: "other fields",
    mine: { source: { text: "mine" }, transform: { y: 9 } },
    theirs: { opacity: 0.2, transform: { x: 5 } },
    patch: { source: { text: "mine" }, transform: { y: 9 } },
    told: ["/transform/x", "/opacity"],
  },
  {
    what: "the same field",
    mine: { opacity: 0.5 },
    theirs: { opacity: 0.2 },
    patch: {},
    asked: [["/opacity", 1, 0.5, 0.2]],
  },
  {
    what: "the same value",
    mine: { opacity: 0.2, name: "Mine" },
    theirs: { opacity: 0.2 },
    patch: { name: "Mine" },
  },
  {
    what: "some of the same fields",
    mine: { source: { text: "mine" }, visible: false },
    theirs: { source: { text: "theirs" }, opacity: 0.2 },
    patch: { visible: false },
    asked: [["/source/text", "Hello", "mine", "theirs"]],
    told: ["/opacity"],
  },
  {
    what: "a part of what they took away",
    mine: { source: { style: { outline: { width: 5 } } } },
    theirs: { source: { style: { outline: null } } },
    patch: {},
    asked: [["/source/style/outline/width", 2, 5, undefined]],
  },
  {
    what: "a part of what I take away",
    mine: { source: { style: { outline: null } } },
    theirs: { source: { style: { outline: { width: 5 } } } },
    patch: {},
    asked: [["/source/style/outline", OUTLINE, null, { ...OUTLINE, width: 5 }]],
  },
  {
    what: "a value that came back to what it was",
    mine: { opacity: 0.5 },
    theirs: { opacity: 1, name: "Theirs" },
    patch: { opacity: 0.5 },
    told: ["/name"],
  },
  {
    what: "what follows from a change",
    mine: { opacity: 0.5 },
    theirs: { revision: 7, updated_at: "2030-01-02T00:00:00.000Z", playback: { paused: true } },
    patch: { opacity: 0.5 },
  },
];

describe("a change that meets", () => {
  it.each(cases)("$what", ({ mine, theirs, patch, asked = [], told = [] }) => {
    const merged = merge(base, mine, laidOver(base, theirs));
    expect(merged.patch).toEqual(patch);
    expect(merged.conflicts.map((field) => Object.values(field))).toEqual(asked);
    expect(merged.theirs.map(({ pointer }) => pointer)).toEqual(told);
  });

  it("a list is one field, whoever changed what of it", () => {
    const list = (...texts: string[]) => ({ source: { items: texts } }) as Patch;
    const ticker = laidOver(textLayer(), list("a", "b"));
    const { patch, conflicts } = merge(ticker, list("a", "mine"), laidOver(ticker, list("c", "b")));
    expect(patch).toEqual({});
    expect(conflicts).toMatchObject([{ pointer: "/source/items", mine: ["a", "mine"] }]);
  });

  it("says both values of what only they changed", () => {
    const { theirs } = merge(base, { visible: false }, laidOver(base, { opacity: 0.2 }));
    expect(theirs).toEqual([{ pointer: "/opacity", before: 1, after: 0.2 }]);
  });
});

it("keeps both sides of every pair of changes, but for what is asked about", () => {
  const changes: readonly Patch[] = cases.flatMap(({ mine, theirs }) => [mine, theirs]);
  for (const mine of changes) {
    for (const change of changes) {
      const theirs = laidOver(base, change);
      const { patch, conflicts, theirs: told } = merge(base, mine, theirs);
      const merged = laidOver(theirs, patch);
      const asked = conflicts.map(({ pointer }) => pointer);
      for (const field of told) expect(valueAt(merged, field.pointer)).toEqual(field.after);
      for (const field of conflicts) expect(valueAt(merged, field.pointer)).toEqual(field.theirs);
      for (const pointer of leaves(mine).filter((each) => !asked.includes(each))) {
        expect(valueAt(merged, pointer)).toEqual(valueAt(mine, pointer));
      }
    }
  }
});
