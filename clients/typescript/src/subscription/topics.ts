import type { Channel, EventMessage, Position, ServerSays } from "../protocol/messages.ts";
import { type SubscriptionEvent, toSubscriptionEvent } from "./events.ts";
import { newReader, type Reader, type ReaderInput, read, readerDueAt } from "./reader.ts";

/** Hears everything about one channel of one stream. */
export type Listener<C extends Channel> = (event: SubscriptionEvent<C>) => void;

/** What the topics need from the connection. */
export interface TopicsWorld {
  now(): number;
  /** The next request's id; the same until it is used. */
  nextId(): number;
  subscribe(id: number, channel: Channel, stream: string, since: Position | null): void;
  missedEvents(): void;
  /** Whether the server may leave something of the channel out: offsets may skip. */
  maySkip(channel: Channel): boolean;
}

/** One channel of one stream, and who listens. */
interface Topic {
  readonly channel: Channel;
  readonly stream: string;
  /** Those who listen, and whether they have been told something that can become void. */
  readonly listeners: Map<Listener<Channel>, { hasSomething: boolean }>;
  reader: Reader;
}

/** Every subscription of a client: it keeps a {@link Reader} for each and does what they ask for. */
export class Topics {
  private readonly topics = new Map<string, Topic>();
  private readonly world: TopicsWorld;

  constructor(world: TopicsWorld) {
    this.world = world;
  }

  /** Adds a listener. Whoever joins a topic that is being read makes all of it begin with a snapshot. */
  join<C extends Channel>(
    channel: C,
    stream: string,
    since: Position | null,
    listener: Listener<C>,
    connected: boolean,
  ): void {
    const known = this.topics.get(keyOf(channel, stream));
    const reader = newReader(this.world.maySkip(channel), since);
    const topic = known ?? { channel, stream, listeners: new Map(), reader };
    topic.listeners.set(anyListener(listener), { hasSomething: since !== null });
    this.topics.set(keyOf(channel, stream), topic);
    if (known) this.feed(known, { type: "restart" });
    else if (connected) this.feed(topic, { type: "connected" });
  }

  /** Takes a listener away; true when it was the last of its topic. */
  leave<C extends Channel>(channel: C, stream: string, listener: Listener<C>): boolean {
    const topic = this.topics.get(keyOf(channel, stream));
    if (!topic?.listeners.delete(anyListener(listener))) return false;
    return topic.listeners.size === 0 && this.topics.delete(keyOf(channel, stream));
  }

  position(channel: Channel, stream: string): Position | null {
    return this.topics.get(keyOf(channel, stream))?.reader.position ?? null;
  }

  /** The same for every topic. */
  all(input: Exclude<ReaderInput, { message: unknown }>): void {
    for (const topic of [...this.topics.values()]) this.feed(topic, input);
  }

  subscribed(message: ServerSays<"subscribed">): void {
    this.one(message, { type: "subscribed", message });
  }

  event(message: EventMessage): void {
    this.one(message, { type: "event", message });
  }

  /** The error answers one of the subscriptions, or none. */
  error(message: ServerSays<"error">): void {
    for (const topic of [...this.topics.values()]) this.feed(topic, { type: "error", message });
  }

  /** When the first of them wants to be woken; `null` when none does. */
  dueAt(): number | null {
    let first: number | null = null;
    for (const { reader } of this.topics.values()) {
      const due = readerDueAt(reader);
      if (due !== null && (first === null || due < first)) first = due;
    }
    return first;
  }

  private one(about: { channel: Channel; stream: string }, input: ReaderInput): void {
    const topic = this.topics.get(keyOf(about.channel, about.stream));
    if (topic) this.feed(topic, input);
  }

  private feed(topic: Topic, input: ReaderInput): void {
    const { channel, stream } = topic;
    const id = this.world.nextId();
    const before = topic.reader;
    const { reader, ask, news } = read(before, input, { now: this.world.now(), id });
    topic.reader = reader;
    if (reader.gaps !== before.gaps) this.world.missedEvents();
    if (ask) this.world.subscribe(id, channel, stream, reader.position);
    if (!news) return;
    for (const [listener, told] of [...topic.listeners]) {
      const event = toSubscriptionEvent(channel, stream, news, !told.hasSomething);
      if (event.type === "snapshot") told.hasSomething = true;
      tell(listener, event);
    }
  }
}

/** A topic's listeners are those of its channel, which its type does not say. */
function anyListener<C extends Channel>(listener: Listener<C>): Listener<Channel> {
  return listener as unknown as Listener<Channel>;
}

function keyOf(channel: Channel, stream: string): string {
  return `${channel} ${stream}`;
}

/** A listener that throws is its owner's problem, and nobody else's: the error is reported as uncaught. */
function tell<E>(listener: (event: E) => void, event: E): void {
  try {
    listener(event);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
