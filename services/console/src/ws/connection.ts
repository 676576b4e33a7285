import type { Channel, ClientMessage, EventMessage, ServerMessage } from "../api/types.ts";
import type { Clock } from "../clock.ts";
import { Observable } from "../observable.ts";
import { backOffMs } from "./back-off.ts";
import { type ChannelListener, ChannelReader } from "./channel-reader.ts";
import { afterClose, BROKEN } from "./close-codes.ts";
import { type LinkFigures, type LinkState, NO_FIGURES } from "./link-state.ts";
import { formatClientMessage, parseServerMessage } from "./wire.ts";

/** The part of a WebSocket that is used, so that tests can put their own at the edge. */
export interface Socket {
  send(frame: string): void;
  close(): void;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
}

/** No socket can be had: the ticket was refused or nobody answered. */
export class OpenError extends Error {
  readonly signInNeeded: boolean;
  readonly retryAfterMs: number | null;

  constructor(signInNeeded: boolean, retryAfterMs: number | null) {
    super("the connection cannot be opened");
    this.signInNeeded = signInNeeded;
    this.retryAfterMs = retryAfterMs;
  }
}

export interface ConnectionOptions {
  readonly stream: string;
  /** Fetches a ticket and opens a socket with it; rejects with an {@link OpenError}. */
  readonly open: () => Promise<Socket>;
  readonly accessToken: () => string | null;
  readonly clock: Clock;
  /** 0 to 1, for spreading reconnects. */
  readonly random: () => number;
}

/** Nothing heard for this long: what is shown may be old. */
const STALE_MS = 2_000;
/** Nothing heard for this long: the connection is given up. */
const SILENT_MS = 6_000;
const TICK_MS = 500;
const PING_MS = 1_000;
/** An attempt that is not welcomed within this time has failed. */
const OPEN_MS = 10_000;
/** A connection that held this long clears the back-off. */
const STABLE_MS = 2_000;
/** A channel asks for missed events at most this often. */
const RESYNC_MS = 1_000;
/** How long to wait before asking again for a channel that was refused for now. */
const RESUBSCRIBE_MS = 5_000;
/** A subscription that is not answered within this time is asked for again. */
const ANSWER_MS = 5_000;

/** A subscription that waits for its answer. */
interface Request {
  readonly channel: Channel;
  readonly askedAt: number;
}

/**
 * The live link to the server: one WebSocket at a time, channels read by position across as many
 * connections as it takes, and a {@link LinkState} that always says what is going on.
 *
 * Everything that happens on a socket is bound to a `Try`, so that nothing late from an old socket
 * can disturb a newer one.
 */
export class Connection {
  readonly state = new Observable<LinkState>({ kind: "idle" });
  readonly figures = new Observable<LinkFigures>(NO_FIGURES);
  /** The server's name for the connection, for its log; `null` while there is none. */
  readonly session = new Observable<string | null>(null);
  private readonly options: ConnectionOptions;
  private readonly readers = new Map<Channel, ChannelReader>();
  private readonly requests = new Map<number, Request>();
  private readonly resyncedAt = new Map<Channel, number>();
  private current: Try | null = null;
  private cancelTimer: () => void = () => {};
  private attempt = 0;
  private nextId = 1;
  private hearsEvents = true;
  private networkIsDown = false;

  constructor(options: ConnectionOptions) {
    this.options = options;
  }

  /** Reads `channel` from now on, on this connection and on every later one. */
  follow(channel: Channel, listener: ChannelListener): void {
    const reader = new ChannelReader(channel, listener);
    this.readers.set(channel, reader);
    if (this.current?.welcomedAt != null) this.subscribe(reader);
  }

  start(): void {
    if (this.state.get().kind === "idle") this.connect();
  }

  stop(): void {
    this.abandon();
    this.state.set({ kind: "idle" });
  }

  /** Tries at once, with a fresh back-off: asked by a person, or the network is back. */
  retryNow(): void {
    const { kind } = this.state.get();
    if (kind === "live" || kind === "connecting" || kind === "idle") return;
    this.attempt = 0;
    this.connect();
  }

  /**
   * The browser says that it has no network. A server on this very machine can still be heard, so a
   * connection that works is kept, and tries go on.
   */
  networkLost(): void {
    this.networkIsDown = true;
    if (this.state.get().kind === "waiting") this.state.set({ kind: "offline" });
  }

  networkReturned(): void {
    this.networkIsDown = false;
    const { kind } = this.state.get();
    if (kind === "waiting" || kind === "offline" || kind === "stale") this.retryNow();
  }

  /** The page is looked at again; timers may have slept. */
  becameVisible(): void {
    if (this.state.get().kind === "waiting") this.retryNow();
  }

  /** Replaces the proof of a connection before the old one ends. */
  renewProof(token: string): void {
    if (this.current?.welcomedAt != null) this.say({ type: "auth", id: this.nextId++, token });
    else if (this.state.get().kind === "ended") this.retryNow();
  }

  private connect(): void {
    this.abandon();
    this.state.set(this.networkIsDown ? { kind: "offline" } : { kind: "connecting" });
    const attempt = newTry();
    this.current = attempt;
    this.cancelTimer = this.options.clock.after(OPEN_MS, () => this.lost(attempt, BROKEN, ""));
    this.options.open().then(
      (socket) => this.opened(attempt, socket),
      (error: unknown) => this.notOpened(attempt, error),
    );
  }

  private opened(attempt: Try, socket: Socket): void {
    if (this.current !== attempt) {
      socket.close();
      return;
    }
    attempt.socket = socket;
    socket.onmessage = ({ data }) => this.heard(attempt, data);
    socket.onclose = ({ code, reason }) => this.lost(attempt, code, reason);
  }

  private notOpened(attempt: Try, error: unknown): void {
    if (this.current !== attempt) return;
    if (error instanceof OpenError && error.signInNeeded) {
      this.abandon();
      this.state.set({ kind: "ended", because: "sign-in", reason: "not signed in" });
      return;
    }
    if (error instanceof OpenError) attempt.goodbyeMs = error.retryAfterMs;
    this.lost(attempt, BROKEN, "");
  }

  private heard(attempt: Try, frame: unknown): void {
    if (this.current !== attempt) return;
    attempt.heardAt = this.options.clock.now();
    const message = parseServerMessage(frame);
    if (!message) {
      this.note({ unreadable: this.figures.get().unreadable + 1 });
      return;
    }
    if (this.state.get().kind === "stale") this.isLive();
    this.handle(attempt, message);
  }

  private handle(attempt: Try, message: ServerMessage): void {
    switch (message.type) {
      case "welcome":
        this.welcomed(attempt, message.session, message.authenticated);
        break;
      case "subscribed":
        // The late answer to a question that was asked again would go back in the history.
        if (this.requests.delete(message.id)) this.readers.get(message.channel)?.begin(message);
        break;
      case "event":
        this.received(message);
        break;
      case "batch":
        for (const event of message.events) this.received(event);
        break;
      case "error":
        this.refused(attempt, message);
        break;
      case "pong":
        if (attempt.pingedAt !== null) {
          this.note({ roundTripMs: this.options.clock.now() - attempt.pingedAt });
          attempt.pingedAt = null;
        }
        break;
      case "link":
        this.hearsEvents = message.live;
        this.isLive();
        break;
      case "goodbye":
        attempt.goodbyeMs = message.reconnect_after_ms;
        break;
      case "ack":
        break;
    }
  }

  private welcomed(attempt: Try, session: string, authenticated: boolean): void {
    attempt.welcomedAt = this.options.clock.now();
    this.note({ failedTries: 0 });
    this.session.set(session);
    this.cancelTimer();
    this.hearsEvents = true;
    this.isLive();
    const token = this.options.accessToken();
    if (!authenticated && token) this.say({ type: "auth", id: this.nextId++, token });
    for (const reader of this.readers.values()) this.subscribe(reader);
    this.tick(attempt, 0);
  }

  private isLive(): void {
    this.state.set({ kind: "live", hearsEvents: this.hearsEvents });
  }

  private subscribe(reader: ChannelReader): void {
    reader.suspend();
    const id = this.nextId++;
    const { channel, position } = reader;
    this.forgetRequests(channel);
    this.requests.set(id, { channel, askedAt: this.options.clock.now() });
    const { stream } = this.options;
    this.say({ type: "subscribe", id, channel, stream, ...(position && { since: position }) });
  }

  private forgetRequests(channel: Channel): void {
    for (const [id, request] of this.requests) {
      if (request.channel === channel) this.requests.delete(id);
    }
  }

  private askAgain(now: number): void {
    for (const { channel, askedAt } of [...this.requests.values()]) {
      const reader = this.readers.get(channel);
      if (reader && now - askedAt >= ANSWER_MS) this.subscribe(reader);
    }
  }

  private received(event: EventMessage): void {
    const reader = this.readers.get(event.channel);
    if (!reader || event.stream !== this.options.stream) return;
    const receipt = reader.receive(event);
    if (receipt === "missed-some" || receipt === "repeated") this.resync(reader);
  }

  /**
   * Asks for what was missed. A repeated event asks too: after a new history has begun its offsets
   * look old, and only the answer to a subscription tells the two apart.
   */
  private resync(reader: ChannelReader): void {
    const now = this.options.clock.now();
    const last = this.resyncedAt.get(reader.channel);
    if (last !== undefined && now - last < RESYNC_MS) {
      reader.suspend();
      this.resubscribeLater(reader.channel, RESYNC_MS);
      return;
    }
    this.resyncedAt.set(reader.channel, now);
    this.note({ gaps: this.figures.get().gaps + 1 });
    this.subscribe(reader);
  }

  private refused(attempt: Try, message: Extract<ServerMessage, { type: "error" }>): void {
    if (message.id == null) return;
    const channel = this.requests.get(message.id)?.channel;
    this.requests.delete(message.id);
    // Without the right to a channel there is nothing to wait for; anything else may pass.
    if (!channel || message.code.startsWith("auth.") || this.current !== attempt) return;
    this.resubscribeLater(channel, message.retry_after_ms ?? RESUBSCRIBE_MS);
  }

  private resubscribeLater(channel: Channel, delayMs: number): void {
    const attempt = this.current;
    this.options.clock.after(delayMs, () => {
      const reader = this.readers.get(channel);
      const pending = [...this.requests.values()].some((asked) => asked.channel === channel);
      if (reader && !pending && this.current === attempt) this.subscribe(reader);
    });
  }

  /** Watches the silence and asks whether the server is there; browsers do not show its own pings. */
  private tick(attempt: Try, sincePingMs: number): void {
    if (this.current !== attempt) return;
    const now = this.options.clock.now();
    const silentMs = now - (attempt.heardAt ?? now);
    if (silentMs >= SILENT_MS) {
      this.lost(attempt, BROKEN, "");
      return;
    }
    if (silentMs >= STALE_MS && this.state.get().kind === "live") {
      this.state.set({ kind: "stale", since: now - silentMs });
    }
    this.askAgain(now);
    const ping = sincePingMs >= PING_MS;
    if (ping) {
      attempt.pingedAt ??= now;
      this.say({ type: "ping", id: this.nextId++ });
    }
    const next = ping ? TICK_MS : sincePingMs + TICK_MS;
    this.cancelTimer = this.options.clock.after(TICK_MS, () => this.tick(attempt, next));
  }

  private lost(attempt: Try, code: number, reason: string): void {
    if (this.current !== attempt) return;
    const now = this.options.clock.now();
    this.abandon();
    if (attempt.welcomedAt === null) {
      this.note({ failedTries: this.figures.get().failedTries + 1 });
    } else {
      this.note({ reconnects: this.figures.get().reconnects + 1 });
      if (now - attempt.welcomedAt >= STABLE_MS) this.attempt = 0;
    }
    const next = afterClose(code);
    if (next !== "reconnect") {
      const because = next === "sign-in" ? "sign-in" : "refused";
      this.state.set({ kind: "ended", because, reason: reason || `code ${code}` });
      return;
    }
    this.wait(attempt.goodbyeMs ?? backOffMs(this.attempt++, this.options.random));
  }

  private wait(delayMs: number): void {
    const retryAt = this.options.clock.now() + delayMs;
    this.state.set(this.networkIsDown ? { kind: "offline" } : { kind: "waiting", retryAt });
    this.cancelTimer = this.options.clock.after(delayMs, () => this.connect());
  }

  /** Lets go of the current try; nothing that still comes from it is heard. */
  private abandon(): void {
    this.cancelTimer();
    this.requests.clear();
    for (const reader of this.readers.values()) reader.suspend();
    const socket = this.current?.socket;
    this.current = null;
    this.session.set(null);
    if (!socket) return;
    socket.onmessage = null;
    socket.onclose = null;
    socket.close();
  }

  private say(message: ClientMessage): void {
    this.current?.socket?.send(formatClientMessage(message));
  }

  private note(change: Partial<LinkFigures>): void {
    this.figures.set({ ...this.figures.get(), ...change });
  }
}

/** One attempt at a connection, and what is known of it. */
interface Try {
  socket: Socket | null;
  welcomedAt: number | null;
  /** When something was last heard. */
  heardAt: number | null;
  /** When the server asked to come back, in milliseconds after the end. */
  goodbyeMs: number | null;
  pingedAt: number | null;
}

function newTry(): Try {
  return { socket: null, welcomedAt: null, heardAt: null, goodbyeMs: null, pingedAt: null };
}
