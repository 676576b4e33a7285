import type { Channel, EventMessage, Position, ServerMessage } from "../api/types.ts";

/** Who is told what a channel carries. */
export interface ChannelListener {
  /** The whole value; everything heard before is void. */
  snapshot(value: unknown): void;
  /** The next event, in order, once. */
  event(message: EventMessage): void;
}

type Subscribed = Extract<ServerMessage, { type: "subscribed" }>;

/** What became of an event. */
export type Receipt = "delivered" | "repeated" | "missed-some" | "not-subscribed";

/**
 * Reads one channel with a position, over any number of connections. Events reach the listener in
 * order and once; whoever sees `missed-some` subscribes again from {@link position}.
 */
export class ChannelReader {
  readonly channel: Channel;
  private readonly listener: ChannelListener;
  private readonly mayBeConflated: boolean;
  private at: Position | null = null;
  private subscribed = false;

  constructor(channel: Channel, listener: ChannelListener) {
    this.channel = channel;
    this.listener = listener;
    this.mayBeConflated = channel === "stream-state" || channel === "metrics";
  }

  /** The last position read; `null` before the first. */
  get position(): Position | null {
    return this.at;
  }

  /** The connection is gone, or a new subscription is on its way: what comes in between is void. */
  suspend(): void {
    this.subscribed = false;
  }

  begin(message: Subscribed): void {
    this.subscribed = true;
    this.at = { epoch: message.epoch, offset: message.offset };
    if (!message.recovered) this.listener.snapshot(message.snapshot ?? null);
  }

  receive(message: EventMessage): Receipt {
    if (!this.subscribed || !this.at) return "not-subscribed";
    if (message.offset <= this.at.offset) return "repeated";
    if (!this.mayBeConflated && message.offset !== this.at.offset + 1) return "missed-some";
    this.at = { epoch: this.at.epoch, offset: message.offset };
    this.listener.event(message);
    return "delivered";
  }
}
