import type { EventMessage, Position, ServerSays } from "../protocol/messages.ts";

/**
 * One subscription as a value, over any number of connections: where it is in the channel's history,
 * and what it is waiting for. {@link read} takes what happens and answers with the next value, with
 * what the subscriber is told, and whether the server has to be asked.
 *
 * Events reach the subscriber in order and once. Where one is missing, what it missed is asked for
 * from {@link Reader.position}.
 */
export interface Reader {
  readonly phase: ReaderPhase;
  /** The last position read; `null` before the first. */
  readonly position: Position | null;
  /** When missed events were last asked for. */
  readonly resyncedAt: number | null;
  /** How often that was. */
  readonly gaps: number;
  /** The channel gives slow readers the newest value alone: offsets may skip. */
  readonly mayBeConflated: boolean;
}

export type ReaderPhase =
  /** There is no connection. */
  | { readonly at: "down" }
  /** The answer to request `id` is on its way; events that come before it are void. */
  | { readonly at: "asking"; readonly id: number; readonly askedAt: number }
  | { readonly at: "reading" }
  /** Asks again at `until`; what comes meanwhile is void. */
  | { readonly at: "pausing"; readonly until: number }
  /** Refused to whoever is proven now. */
  | { readonly at: "refused" };

export type ReaderInput =
  | { readonly type: "connected" }
  | { readonly type: "disconnected" }
  | { readonly type: "subscribed"; readonly message: ServerSays<"subscribed"> }
  | { readonly type: "event"; readonly message: EventMessage }
  /** The answer to the request of this reader is an error. */
  | { readonly type: "error"; readonly message: ServerSays<"error"> }
  /** Somebody else, or the same with other rights, is proven now. */
  | { readonly type: "proven" }
  /** Some subscription has ended, and nobody said which. */
  | { readonly type: "doubted" }
  /** Somebody joined who has nothing yet: the value is needed as a whole. */
  | { readonly type: "restart" }
  | { readonly type: "timer" };

/** What a subscriber is told. */
export type News =
  | { readonly kind: "snapshot"; readonly message: ServerSays<"subscribed"> }
  | { readonly kind: "resumed"; readonly message: ServerSays<"subscribed"> }
  | { readonly kind: "event"; readonly message: EventMessage }
  | {
      readonly kind: "refused";
      readonly message: ServerSays<"error">;
      readonly retryAt: number | null;
    };

export interface ReaderStep {
  readonly reader: Reader;
  /** Whether to subscribe, with the `id` that was offered and from {@link Reader.position}. */
  readonly ask: boolean;
  readonly news: News | null;
}

export interface ReaderWorld {
  readonly now: number;
  /** The id that a request would have. */
  readonly id: number;
}

/** A subscription that is not answered within this time is asked for again. */
const ANSWER_MS = 5_000;
/** Missed events are asked for at most this often. */
const RESYNC_MS = 1_000;
/** The wait before asking again where a refusal says none. */
const REFUSED_MS = 5_000;

/** What the server gives everybody by itself answers no request. */
const UNASKED = 0;

/** A subscription that goes on after `position`, or begins with the value as a whole. */
export function newReader(mayBeConflated: boolean, position: Position | null = null): Reader {
  return { phase: { at: "down" }, position, resyncedAt: null, gaps: 0, mayBeConflated };
}

export function read(reader: Reader, input: ReaderInput, world: ReaderWorld): ReaderStep {
  const { phase } = reader;
  switch (input.type) {
    case "connected":
      return ask(reader, world);
    case "disconnected":
      return stay({ ...reader, phase: { at: "down" } });
    case "restart": {
      const blank = { ...reader, position: null };
      return phase.at === "down" ? stay(blank) : ask(blank, world);
    }
    case "proven":
      return phase.at === "refused" ? ask(reader, world) : stay(reader);
    case "doubted":
      return phase.at === "reading" ? ask(reader, world) : stay(reader);
    case "subscribed":
      return answers(reader, input.message.id) ? begin(reader, input.message) : stay(reader);
    case "error":
      return answers(reader, input.message.id)
        ? refuse(reader, input.message, world)
        : stay(reader);
    case "event":
      return phase.at === "reading" ? receive(reader, input.message, world) : stay(reader);
    case "timer": {
      const due = readerDueAt(reader);
      return due !== null && due <= world.now ? ask(reader, world) : stay(reader);
    }
  }
}

/** When the reader wants to be woken; `null` when only the server can change it. */
export function readerDueAt({ phase }: Reader): number | null {
  if (phase.at === "asking") return phase.askedAt + ANSWER_MS;
  return phase.at === "pausing" ? phase.until : null;
}

function stay(reader: Reader): ReaderStep {
  return { reader, ask: false, news: null };
}

function tell(reader: Reader, news: News): ReaderStep {
  return { reader, ask: false, news };
}

function ask(reader: Reader, { now, id }: ReaderWorld): ReaderStep {
  return {
    reader: { ...reader, phase: { at: "asking", id, askedAt: now } },
    ask: true,
    news: null,
  };
}

/**
 * Whether a message is for this reader now. The late answer to a question that was asked again would
 * go back in the history; what answers nothing is void while an answer is on its way.
 */
function answers({ phase }: Reader, id: number | null | undefined): boolean {
  if (phase.at === "asking") return id === phase.id;
  return id === UNASKED && (phase.at === "reading" || phase.at === "pausing");
}

function begin(reader: Reader, message: ServerSays<"subscribed">): ReaderStep {
  const { epoch, offset, recovered } = message;
  const next: Reader = { ...reader, phase: { at: "reading" }, position: { epoch, offset } };
  return tell(next, { kind: recovered ? "resumed" : "snapshot", message });
}

function receive(reader: Reader, message: EventMessage, world: ReaderWorld): ReaderStep {
  const { position, mayBeConflated } = reader;
  if (position === null) return stay(reader);
  const isNext = message.offset === position.offset + 1;
  const isLater = message.offset > position.offset;
  if (isNext || (isLater && mayBeConflated)) {
    const next = { ...reader, position: { epoch: position.epoch, offset: message.offset } };
    return tell(next, { kind: "event", message });
  }
  return resync(reader, world);
}

/**
 * Asks for what was missed. A repeated event asks too: after a new history has begun its offsets look
 * old, and only the answer to a subscription tells the two apart.
 */
function resync(reader: Reader, world: ReaderWorld): ReaderStep {
  const { resyncedAt, gaps } = reader;
  if (resyncedAt !== null && world.now - resyncedAt < RESYNC_MS) {
    return stay({ ...reader, phase: { at: "pausing", until: world.now + RESYNC_MS } });
  }
  return ask({ ...reader, resyncedAt: world.now, gaps: gaps + 1 }, world);
}

/** Without the right to a channel there is nothing to wait for; anything else may pass. */
function refuse(reader: Reader, message: ServerSays<"error">, { now }: ReaderWorld): ReaderStep {
  if (message.code.startsWith("auth.")) {
    const refused: Reader = { ...reader, phase: { at: "refused" } };
    return tell(refused, { kind: "refused", message, retryAt: null });
  }
  const until = now + (message.retry_after_ms ?? REFUSED_MS);
  const pausing: Reader = { ...reader, phase: { at: "pausing", until } };
  return tell(pausing, { kind: "refused", message, retryAt: until });
}
