import { CHANNEL_EVENTS } from "../protocol/channels.gen.ts";
import type {
  Channel,
  ChannelEvents,
  ChannelSnapshots,
  EventMessage,
  Position,
} from "../protocol/messages.ts";
import type { News } from "./reader.ts";

/** Something happened. `type` says what, and `data` follows from it. */
export type ChannelEvent<C extends Channel> = C extends Channel
  ? {
      [T in keyof ChannelEvents[C]]: Heard & {
        readonly type: T;
        readonly channel: C;
        readonly data: ChannelEvents[C][T];
      };
    }[keyof ChannelEvents[C]]
  : never;

/** What every event has. */
interface Heard {
  readonly stream: string;
  /** Its number in the channel's history. */
  readonly offset: number;
  /** When it happened, by the server's clock (RFC 3339). */
  readonly time: string;
}

/** The whole value; everything told before is void. */
export interface Snapshot<C extends Channel> {
  readonly type: "snapshot";
  readonly channel: C;
  readonly stream: string;
  readonly position: Position;
  readonly value: ChannelSnapshots[C];
  /** False when events may have been missed since what was told before. */
  readonly first: boolean;
}

/** A new connection goes on where the last one ended; what was missed follows. */
export interface Resumed<C extends Channel> {
  readonly type: "resumed";
  readonly channel: C;
  readonly stream: string;
  readonly position: Position;
}

/** The server does not give the channel. */
export interface Refused<C extends Channel> {
  readonly type: "refused";
  readonly channel: C;
  readonly stream: string;
  /** Stable, dotted code. */
  readonly code: string;
  readonly detail: string;
  /** When it is asked again, in milliseconds since 1970; `null`: when somebody else is proven. */
  readonly retryAt: number | null;
}

/** An event that this version of the client does not know: the server is newer. */
export interface Unknown<C extends Channel> extends Heard {
  readonly type: "unknown";
  readonly channel: C;
  /** Its type. */
  readonly event: string;
  readonly data: unknown;
}

/** Everything that a subscriber is told, told apart by `type`. */
export type SubscriptionEvent<C extends Channel> = C extends Channel
  ? Snapshot<C> | Resumed<C> | Refused<C> | Unknown<C> | ChannelEvent<C>
  : never;

/**
 * Puts news into the words of a subscriber, for whom a snapshot is the `first` or not. The shapes are what
 * the server's own types promise.
 */
export function toSubscriptionEvent(
  channel: Channel,
  stream: string,
  news: News,
  first: boolean,
): SubscriptionEvent<Channel> {
  switch (news.kind) {
    case "snapshot": {
      const { epoch, offset, snapshot } = news.message;
      const value = snapshot ?? null;
      const position = { epoch, offset };
      const told = { type: "snapshot", channel, stream, position, value, first };
      return told as SubscriptionEvent<Channel>;
    }
    case "resumed": {
      const { epoch, offset } = news.message;
      return { type: "resumed", channel, stream, position: { epoch, offset } };
    }
    case "refused": {
      const { code, detail } = news.message;
      return { type: "refused", channel, stream, code, detail, retryAt: news.retryAt };
    }
    case "event":
      return toChannelEvent(channel, news.message);
  }
}

function toChannelEvent(
  channel: Channel,
  { stream, offset, time, event, data }: EventMessage,
): ChannelEvent<Channel> | Unknown<Channel> {
  if (!CHANNEL_EVENTS[channel].includes(event)) {
    return { type: "unknown", channel, stream, offset, time, event, data };
  }
  return { type: event, channel, stream, offset, time, data } as ChannelEvent<Channel>;
}
