import { describe, expect, it } from "vitest";
import { TIMING } from "../../test-kit/scene.ts";
import { CLOSED_LINK, dueAt, type Link, type LinkEffect, type LinkInput, step } from "./machine.ts";

const NOW = 1_000_000;
const HELD_FOR = 60_000;
const world = { now: NOW, random: () => 1, timing: TIMING };

type Kind = Link["phase"]["at"] | "stale" | "asked";

const closed: Link = CLOSED_LINK;
const opening: Link = { ...closed, phase: { at: "opening", since: NOW - 100 }, attempt: 3 };
const livePhase = {
  at: "live",
  welcomedAt: NOW - HELD_FOR,
  heardAt: NOW - 100,
  listeningSince: NOW - HELD_FOR,
  pingedAt: null,
  nextPingAt: NOW + 500,
  answerBy: null,
  stale: false,
  hearsEvents: true,
  heartbeatMs: 10_000,
  comeBackMs: null,
} as const;
const live: Link = { ...closed, phase: livePhase };
const stale: Link = { ...closed, phase: { ...livePhase, stale: true, heardAt: NOW - 3_000 } };
const waiting: Link = {
  ...closed,
  phase: { at: "waiting", retryAt: NOW + 900, asked: false },
  attempt: 3,
};
const asked: Link = { ...closed, phase: { at: "waiting", retryAt: NOW + 900, asked: true } };
const refused: Link = {
  ...closed,
  phase: { at: "refused", because: "server", code: 4501, reason: "too many messages" },
};
const links: Record<Kind, Link> = { closed, opening, live, stale, waiting, asked, refused };

const OPEN: readonly LinkEffect[] = ["drop", "open"];
const DROP: readonly LinkEffect[] = ["drop"];
const PING: readonly LinkEffect[] = ["ping"];

/** For each input: the phase after it and what is done, by the phase before; what is absent stays. */
const table: readonly {
  readonly when: LinkInput;
  readonly leadsTo: Partial<Record<Kind, readonly [Link["phase"]["at"], readonly LinkEffect[]]>>;
}[] = [
  { when: { type: "start" }, leadsTo: { closed: ["opening", OPEN] } },
  {
    when: { type: "stop" },
    leadsTo: {
      closed: ["closed", DROP],
      opening: ["closed", DROP],
      live: ["closed", DROP],
      stale: ["closed", DROP],
      waiting: ["closed", DROP],
      asked: ["closed", DROP],
      refused: ["closed", DROP],
    },
  },
  {
    when: { type: "retry" },
    leadsTo: {
      stale: ["opening", OPEN],
      waiting: ["opening", OPEN],
      asked: ["opening", OPEN],
      refused: ["opening", OPEN],
    },
  },
  { when: { type: "proven" }, leadsTo: { refused: ["opening", OPEN] } },
  { when: { type: "welcomed", heartbeatMs: 10_000 }, leadsTo: { opening: ["live", []] } },
  { when: { type: "heard" }, leadsTo: {} },
  { when: { type: "pong" }, leadsTo: {} },
  { when: { type: "server-hears", events: false }, leadsTo: {} },
  { when: { type: "goodbye", comeBackMs: 700 }, leadsTo: {} },
  {
    when: { type: "closed", code: 1006, reason: "" },
    leadsTo: { opening: ["waiting", DROP], live: ["waiting", DROP], stale: ["waiting", DROP] },
  },
  {
    when: { type: "closed", code: 4002, reason: "token expired" },
    leadsTo: { opening: ["waiting", DROP], live: ["waiting", DROP], stale: ["waiting", DROP] },
  },
  {
    when: { type: "closed", code: 4500, reason: "not authenticated" },
    leadsTo: { opening: ["refused", DROP], live: ["refused", DROP], stale: ["refused", DROP] },
  },
  {
    when: { type: "closed", code: 1009, reason: "" },
    leadsTo: { opening: ["refused", DROP], live: ["refused", DROP], stale: ["refused", DROP] },
  },
  { when: { type: "not-opened", retryAfterMs: null }, leadsTo: { opening: ["waiting", DROP] } },
  {
    when: { type: "not-proven", reason: "not signed in" },
    leadsTo: { opening: ["refused", DROP], live: ["refused", DROP], stale: ["refused", DROP] },
  },
  { when: { type: "network-lost" }, leadsTo: {} },
  {
    when: { type: "network-returned" },
    leadsTo: {
      opening: ["opening", OPEN],
      live: ["live", PING],
      stale: ["opening", OPEN],
      waiting: ["opening", OPEN],
    },
  },
  { when: { type: "hidden" }, leadsTo: {} },
  { when: { type: "shown", lateMs: 0 }, leadsTo: { waiting: ["opening", OPEN] } },
  {
    when: { type: "shown", lateMs: 5_000 },
    leadsTo: { live: ["live", PING], stale: ["live", PING], waiting: ["opening", OPEN] },
  },
  {
    when: { type: "shown", lateMs: 3_600_000 },
    leadsTo: { live: ["opening", OPEN], stale: ["opening", OPEN], waiting: ["opening", OPEN] },
  },
  { when: { type: "timer", lateMs: 0 }, leadsTo: {} },
];

const cases = table.flatMap(({ when, leadsTo }) =>
  (Object.keys(links) as Kind[]).map((kind) => ({ when, kind, leadsTo: leadsTo[kind] })),
);

it.each(cases)("$when.type when $kind", ({ when, kind, leadsTo }) => {
  const before = links[kind];
  const { link, effects } = step(before, when, world);
  const [at, done] = leadsTo ?? [before.phase.at, []];
  expect(link.phase.at).toBe(at);
  expect(effects).toEqual(done);
});

it("never changes the value that it was given", () => {
  const frozen = JSON.stringify(links);
  for (const { when, kind } of cases) step(links[kind], when, world);
  expect(JSON.stringify(links)).toBe(frozen);
});

describe("the back-off", () => {
  const waitAfter = (link: Link, input: LinkInput) => {
    const { phase } = step(link, input, world).link;
    if (phase.at !== "waiting") throw new Error(`unexpected ${phase.at}`);
    return phase.retryAt - NOW;
  };
  const broken: LinkInput = { type: "closed", code: 1006, reason: "" };

  it("grows with failed tries", () => {
    expect(waitAfter(opening, broken)).toBe(2_000);
    expect(step(opening, broken, world).link.attempt).toBe(4);
  });

  it("starts over after a connection that held", () => {
    expect(waitAfter({ ...live, attempt: 5 }, broken)).toBe(250);
    const young = { ...live, attempt: 5, phase: { ...livePhase, welcomedAt: NOW - 100 } };
    expect(waitAfter(young, broken)).toBe(8_000);
  });

  it("starts over when the network returns or a person asks", () => {
    for (const input of [{ type: "network-returned" }, { type: "retry" }] as const) {
      expect(step(waiting, input, world).link.attempt).toBe(0);
    }
  });

  it("gives way to what the server asks for", () => {
    const leaving = step(live, { type: "goodbye", comeBackMs: 4_321 }, world).link;
    expect(waitAfter(leaving, { type: "closed", code: 1001, reason: "" })).toBe(4_321);
    expect(waitAfter(opening, { type: "not-opened", retryAfterMs: 7_000 })).toBe(7_000);
  });
});

describe("a try that is not welcomed", () => {
  const overdue: Link = { ...opening, phase: { at: "opening", since: NOW - TIMING.openMs } };

  it("has failed", () => {
    expect(step(overdue, { type: "timer", lateMs: 0 }, world).link.phase.at).toBe("waiting");
  });

  it("is made again at once where the process slept meanwhile", () => {
    const { link, effects } = step(overdue, { type: "timer", lateMs: 60_000 }, world);
    expect(link).toMatchObject({ phase: { at: "opening", since: NOW }, attempt: 0 });
    expect(effects).toEqual(OPEN);
  });
});

describe("the silence", () => {
  /** What follows when the timer comes, `quietMs` after the last frame. */
  const afterSilence = (quietMs: number, change: { nextPingAt?: number } = {}) => {
    const phase = { ...livePhase, heardAt: NOW - quietMs, nextPingAt: NOW + 500, ...change };
    return step({ ...live, phase }, { type: "timer", lateMs: 0 }, world);
  };

  it.each([
    [1_999, "live", false],
    [2_000, "live", true],
    [5_999, "live", true],
    [6_000, "waiting", null],
  ] as const)("of %i ms", (quietMs, at, isStale) => {
    const { phase } = afterSilence(quietMs).link;
    expect(phase.at).toBe(at);
    if (phase.at === "live") expect(phase.stale).toBe(isStale);
  });

  it("is broken by pings", () => {
    const { link, effects } = afterSilence(900, { nextPingAt: NOW });
    expect(effects).toEqual(PING);
    expect(link.phase).toMatchObject({ pingedAt: NOW, nextPingAt: NOW + 1_000 });
  });

  it("is waited for exactly as long as needed", () => {
    expect(dueAt(live, TIMING)).toBe(NOW + 500);
    expect(dueAt(stale, TIMING)).toBe(NOW + 500);
    const quiet = { ...live, phase: { ...livePhase, nextPingAt: NOW + 9_000 } };
    expect(dueAt(quiet, TIMING)).toBe(livePhase.heardAt + TIMING.staleMs);
    expect(dueAt(waiting, TIMING)).toBe(NOW + 900);
    expect(dueAt(opening, TIMING)).toBe(NOW - 100 + TIMING.openMs);
    expect(dueAt(refused, TIMING)).toBeNull();
    expect(dueAt(closed, TIMING)).toBeNull();
  });
});

describe.each<[string, LinkInput]>([
  ["a pause", { type: "shown", lateMs: 5_000 }],
  ["another network", { type: "network-returned" }],
])("after %s", (_, input) => {
  const asked = step(live, input, world);
  const at = (ms: number) => ({ ...world, now: NOW + ms });

  it("the server is asked at once, and has little time to answer", () => {
    expect(asked.effects).toEqual(PING);
    const early = step(asked.link, { type: "timer", lateMs: 0 }, at(TIMING.wakeMs - 1));
    expect(early.link.phase.at).toBe("live");
    const { link, effects } = step(early.link, { type: "timer", lateMs: 0 }, at(TIMING.wakeMs));
    expect(effects).toEqual(OPEN);
    expect(link).toMatchObject({ attempt: 0, reconnects: 1 });
  });

  it("anything that is heard is an answer", () => {
    const heard = step(asked.link, { type: "heard" }, at(100)).link;
    const later = step(heard, { type: "timer", lateMs: 0 }, at(TIMING.wakeMs)).link;
    expect(later.phase).toMatchObject({ at: "live", stale: false });
  });

  it("the moment is not slept through", () => {
    const patient = { ...TIMING, pingMs: 60_000, staleMs: 60_000 };
    const { link } = step(live, input, { ...world, timing: patient });
    expect(dueAt(link, patient)).toBe(NOW + TIMING.wakeMs);
  });
});
