import { type Clock, systemClock } from "./edge/clock.ts";
import { type Inflate, inflateStream } from "./edge/inflate.ts";
import { type Signal, type Signals, surroundings } from "./edge/signals.ts";
import { type Transport, webSockets } from "./edge/transport.ts";
import { NotConnectedError, ProofError, RequestError } from "./errors.ts";
import {
  CLOSED_LINK,
  dueAt,
  type LinkEffect,
  type LinkInput,
  stateOf,
  step,
} from "./link/machine.ts";
import { type LinkFigures, type LinkState, NO_FIGURES } from "./link/state.ts";
import { DEFAULT_TIMING, type Timing } from "./link/timing.ts";
import { Observable, type Readable } from "./observable.ts";
import { ProofKeeper } from "./proof/keeper.ts";
import { anonymous, type Proof } from "./proof/proof.ts";
import { CHANNEL_IS_CONFLATED } from "./protocol/channels.gen.ts";
import type { Codec } from "./protocol/codec.ts";
import { jsonCodec } from "./protocol/json-codec.ts";
import type {
  Channel,
  ClientMessage,
  Position,
  Present,
  ServerMessage,
  ServerSays,
} from "./protocol/messages.ts";
import { Requests } from "./requests.ts";
import { sameFields } from "./same-fields.ts";
import { type Listener, Topics } from "./subscription/topics.ts";
import { Wire, type WireListener } from "./wire.ts";

export interface ClientOptions {
  /** Where `/ws` is, as `wss:`, `ws:`, `https:` or `http:`; a function is asked for each connection. */
  readonly url: string | URL | (() => string | URL);
  /** Who connects; nobody unless said otherwise. */
  readonly proof?: Proof;
  readonly timing?: Partial<Timing>;
  readonly codec?: Codec;
  /** Inflates large messages, which are asked for deflated; `null`: they come as they are. */
  readonly inflate?: Inflate | null;
  readonly transport?: Transport;
  readonly clock?: Clock;
  /** 0 to 1, for spreading reconnects. */
  readonly random?: () => number;
  readonly signals?: Signals;
  /**
   * While more is posted on `chat` than can be read, be told a sample of it, and how much was left out
   * (`chat.sampled`).
   */
  readonly sampleChat?: boolean;
}

export interface SubscribeOptions {
  /** `main` unless said otherwise. */
  readonly stream?: string;
  /** Goes on after a position that was kept from before. */
  readonly since?: Position;
}

export interface Subscription {
  /** The last position told; `null` before the first. Keep it to go on from it another day. */
  readonly position: Position | null;
  end(): void;
}

const MAIN = "main";
/** Timers of platforms take no longer delay than 24 days; one that comes early does no harm. */
const DELAY_MAX_MS = 3_600_000;

/**
 * The live link to the server: one WebSocket at a time, channels read by position across as many
 * connections as it takes, and a state that always says what is going on.
 *
 * The rules are in {@link step} (the link) and {@link read} (a subscription), as pure functions; this
 * class carries their answers out.
 */
export class Client {
  readonly state: Readable<LinkState>;
  readonly figures: Readable<LinkFigures>;
  /** The server's name for the connection, for its log; `null` while there is none. */
  readonly session: Readable<string | null>;
  private readonly shownState = new Observable<LinkState>(stateOf(CLOSED_LINK));
  private readonly shownFigures = new Observable<LinkFigures>(NO_FIGURES);
  private readonly shownSession = new Observable<string | null>(null);
  private readonly proof: Proof;
  private readonly timing: Timing;
  private readonly codec: Codec;
  private readonly inflate: Inflate | null;
  private readonly transport: Transport;
  private readonly clock: Clock;
  private readonly random: () => number;
  private readonly signals: Signals;
  private readonly url: () => URL;
  private readonly topics: Topics;
  private readonly keeper: ProofKeeper;
  private readonly requests = new Requests();
  private link = CLOSED_LINK;
  private wire: Wire | null = null;
  private nextId = 1;
  private timer: { readonly at: number; readonly cancel: () => void } | null = null;
  private endSignals: (() => void) | null = null;

  constructor(options: ClientOptions) {
    const { url } = options;
    this.url = () => webSocketUrl(typeof url === "function" ? url() : url);
    this.proof = options.proof ?? anonymous;
    this.timing = { ...DEFAULT_TIMING, ...options.timing };
    this.codec = options.codec ?? jsonCodec;
    this.inflate = options.inflate === undefined ? inflateStream() : options.inflate;
    this.transport = options.transport ?? webSockets;
    this.clock = options.clock ?? systemClock;
    this.random = options.random ?? Math.random;
    this.signals = options.signals ?? surroundings;
    this.state = this.shownState;
    this.figures = this.shownFigures;
    this.session = this.shownSession;
    const now = () => this.clock.now();
    const isSampled = (channel: Channel) => channel === "chat" && options.sampleChat === true;
    this.topics = new Topics({
      now,
      nextId: () => this.nextId,
      subscribe: (id, channel, stream, since) => {
        this.nextId = id + 1;
        const sample = isSampled(channel) && { sample: true };
        this.say({ type: "subscribe", id, channel, stream, ...(since && { since }), ...sample });
      },
      maySkip: (channel) => CHANNEL_IS_CONFLATED[channel] || isSampled(channel),
      missedEvents: () => this.note({ gaps: this.figures.get().gaps + 1 }),
    });
    this.keeper = new ProofKeeper(this.proof, {
      now,
      prove: async (token) => {
        await this.request({ type: "auth", id: this.nextId++, token });
      },
      proven: () => this.about(() => this.topics.all({ type: "proven" })),
      notProven: (reason) => this.feed({ type: "not-proven", reason }),
      replace: () => this.feed({ type: "closed", code: TOKEN_EXPIRED, reason: "" }),
      dueChanged: () => this.schedule(),
    });
  }

  /** Connects, and stays connected until {@link close}. */
  start(): void {
    this.endSignals ??= this.signals((signal) => this.heed(signal));
    this.feed({ type: "start" });
  }

  /** Disconnects for good; subscriptions are kept for another {@link start}. */
  close(): void {
    this.endSignals?.();
    this.endSignals = null;
    this.feed({ type: "stop" });
  }

  /** Tries at once, with a fresh back-off: asked by a person. */
  retryNow(): void {
    this.feed({ type: "retry" });
  }

  /** Replaces the proof of the connection with a fresh token of the same person, in place. */
  renew(token: string): void {
    if (this.isLive()) this.keeper.replace(token);
    else this.feed({ type: "proven" });
  }

  /**
   * Tells `listener` of everything on a channel, from the value that it has now, on this connection
   * and on every later one.
   */
  subscribe<C extends Channel>(
    channel: C,
    { stream = MAIN, since }: SubscribeOptions,
    listener: Listener<C>,
  ): Subscription {
    const { topics } = this;
    // A listener of its own, so that the same function can be given twice.
    const told: Listener<C> = (event) => listener(event);
    this.about(() => topics.join(channel, stream, since ?? null, told, this.isLive()));
    return {
      get position() {
        return topics.position(channel, stream);
      },
      end: () => {
        if (!topics.leave(channel, stream, told) || !this.isLive()) return;
        this.say({ type: "unsubscribe", id: this.nextId++, channel, stream });
      },
    };
  }

  /**
   * Posts to `chat`. Resolves when the message is kept. Rejects with a `RequestError` when the server
   * refuses it, a `NotConnectedError` when nothing was sent, and a `ConnectionLostError` when nobody
   * knows.
   */
  async publish(
    channel: "chat",
    text: string,
    { stream = MAIN }: { stream?: string } = {},
  ): Promise<void> {
    await this.request({ type: "publish", id: this.nextId++, channel, stream, text });
  }

  /**
   * Asks who watches a channel, over all of the server's replicas. Those who may moderate hear the people by
   * name. Rejects as {@link publish} does.
   */
  async presence(channel: Channel, { stream = MAIN }: { stream?: string } = {}): Promise<Present> {
    const present = await this.request({ type: "presence", id: this.nextId++, channel, stream });
    if (!present) throw new RequestError("internal", "the server did not say who watches", null);
    return present;
  }

  /** Asks whether the server is there; resolves with the milliseconds that the answer took. */
  async ping(): Promise<number> {
    const asked = this.clock.now();
    await this.request({ type: "ping", id: this.nextId++ });
    return this.clock.now() - asked;
  }

  private heed(signal: Signal): void {
    if (signal === "shown") this.feed({ type: "shown", lateMs: this.lateMs() });
    else this.feed({ type: signal });
  }

  private feed(input: LinkInput): void {
    const { clock, random, timing } = this;
    const { link, effects } = step(this.link, input, { now: clock.now(), random, timing });
    this.link = link;
    for (const effect of effects) this.carryOut(effect);
    this.show();
    this.schedule();
  }

  /** Does something about what may ask to be woken afterwards. */
  private about(task: () => void): void {
    task();
    this.schedule();
  }

  private carryOut(effect: LinkEffect): void {
    switch (effect) {
      case "drop":
        this.drop();
        break;
      case "open": {
        const { url, proof, codec, transport, inflate } = this;
        this.wire = new Wire(
          { url, proof, codec, transport, inflate },
          this.wireListener(),
          this.clock.now(),
        );
        break;
      }
      case "ping":
        this.say({ type: "ping", id: this.nextId++ });
        break;
    }
  }

  private drop(): void {
    this.wire?.drop();
    this.wire = null;
    this.keeper.end();
    this.requests.lose();
    this.topics.all({ type: "disconnected" });
    this.shownSession.set(null);
  }

  private wireListener(): WireListener {
    return {
      admitted: (admission) => this.keeper.admitted(admission),
      notOpened: (error) => this.notOpened(error),
      frame: () => this.feed({ type: "heard" }),
      message: (message) => this.about(() => this.hear(message)),
      inflated: () => this.note({ inflated: this.figures.get().inflated + 1 }),
      unreadable: () => this.note({ unreadable: this.figures.get().unreadable + 1 }),
      closed: (code, reason) => this.feed({ type: "closed", code, reason }),
    };
  }

  private notOpened(error: unknown): void {
    if (error instanceof ProofError && error.signInNeeded) {
      this.feed({ type: "not-proven", reason: error.message });
    } else {
      const retryAfterMs = error instanceof ProofError ? error.retryAfterMs : null;
      this.feed({ type: "not-opened", retryAfterMs });
    }
  }

  private hear(message: ServerMessage): void {
    switch (message.type) {
      case "welcome":
        this.welcomed(message);
        break;
      case "subscribed":
        this.topics.subscribed(message);
        break;
      case "event":
        this.topics.event(message);
        break;
      case "batch":
        for (const event of message.events) this.topics.event(event);
        break;
      case "ack":
        this.requests.answer(message.id, message.present);
        break;
      case "error":
        this.refused(message);
        break;
      case "pong":
        this.ponged(message.id);
        break;
      case "link":
        this.feed({ type: "server-hears", events: message.live });
        break;
      case "goodbye":
        this.feed({ type: "goodbye", comeBackMs: message.reconnect_after_ms });
        break;
    }
  }

  private welcomed({ session, heartbeat_ms, authenticated }: ServerSays<"welcome">): void {
    this.shownSession.set(session);
    this.feed({ type: "welcomed", heartbeatMs: heartbeat_ms });
    // Whoever is told of the state may have closed the client.
    if (!this.isLive()) return;
    // Before anything is asked for. A server that does not know the message refuses it, and all is as before.
    if (this.inflate) this.say({ type: "hello", id: this.nextId++, deflate: true });
    this.keeper.begin(authenticated);
    this.topics.all({ type: "connected" });
  }

  private refused(message: ServerSays<"error">): void {
    if (this.requests.refuse(message)) return;
    // A new role does not carry some subscription, and nobody says which.
    const isDoubt = message.id == null && message.code.startsWith("auth.");
    if (isDoubt) this.topics.all({ type: "doubted" });
    else this.topics.error(message);
  }

  private ponged(id: number): void {
    this.requests.answer(id);
    const { phase } = this.link;
    if (phase.at !== "live" || phase.pingedAt === null) return;
    this.note({ roundTripMs: this.clock.now() - phase.pingedAt });
    this.feed({ type: "pong" });
  }

  private request(message: ClientMessage): Promise<Present | null> {
    if (!this.isLive()) return Promise.reject(new NotConnectedError());
    const answer = this.requests.wait(message.id);
    this.say(message);
    return answer;
  }

  private say(message: ClientMessage): void {
    this.wire?.say(message);
  }

  private isLive(): boolean {
    return this.link.phase.at === "live";
  }

  /** One timer for everything that wants to be woken; it may come early, and is set anew then. */
  private schedule(): void {
    const wanted = [dueAt(this.link, this.timing), this.topics.dueAt(), this.keeper.dueAt];
    const dues = wanted.filter((due) => due !== null);
    if (dues.length === 0) {
      this.timer?.cancel();
      this.timer = null;
      return;
    }
    const now = this.clock.now();
    const at = Math.min(...dues, now + DELAY_MAX_MS);
    if (this.timer && this.timer.at <= at) return;
    this.timer?.cancel();
    const cancel = this.clock.after(Math.max(0, at - now), () => this.woken());
    this.timer = { at, cancel };
  }

  private woken(): void {
    const lateMs = this.lateMs();
    this.timer = null;
    this.keeper.timer();
    this.topics.all({ type: "timer" });
    this.feed({ type: "timer", lateMs });
  }

  /** How late the timer is: the process slept, or the page was frozen. */
  private lateMs(): number {
    return this.timer ? Math.max(0, this.clock.now() - this.timer.at) : 0;
  }

  private show(): void {
    const state = stateOf(this.link);
    if (!sameFields(state, this.shownState.get())) this.shownState.set(state);
    const { reconnects, failedTries } = this.link;
    this.note({ reconnects, failedTries });
  }

  private note(change: Partial<LinkFigures>): void {
    const figures = { ...this.figures.get(), ...change };
    if (!sameFields(figures, this.figures.get())) this.shownFigures.set(figures);
  }
}

/** A client that connects at once. */
export function connect(options: ClientOptions): Client {
  const client = new Client(options);
  client.start();
  return client;
}

/** The server's code for "come back with a fresh token". */
const TOKEN_EXPIRED = 4002;

function webSocketUrl(url: string | URL): URL {
  const target = new URL(url);
  if (target.protocol === "https:") target.protocol = "wss:";
  if (target.protocol === "http:") target.protocol = "ws:";
  return target;
}
