import type { Channel, Client } from "@stream-manager/client";
import type { EventMessage } from "../api/types.ts";

/** Who is told what a channel carries. */
export interface ChannelListener {
  /** The whole value; everything heard before is void. */
  snapshot(value: unknown): void;
  /** The next event, in order, once. */
  event(message: EventMessage): void;
}

/** Reads a channel of a stream into a store, for as long as the client lives. */
export function follow(
  client: Client,
  channel: Channel,
  stream: string,
  listener: ChannelListener,
): void {
  client.subscribe(channel, { stream }, (heard) => {
    if (heard.type === "snapshot") listener.snapshot(heard.value);
    // What this console does not know is for a newer one.
    else if ("offset" in heard && heard.type !== "unknown") {
      const { type: event, offset, time, data } = heard;
      listener.event({ channel, stream, offset, time, event, data });
    }
  });
}
