import type { Socket, Target } from "../src/edge/transport.ts";
import type { Frame } from "../src/protocol/codec.ts";
import type { Channel, ServerMessage } from "../src/protocol/messages.ts";

interface Said {
  readonly type: string;
  readonly id: number;
  readonly [field: string]: unknown;
}

/** The far end of a connection: what the client said, and a mouth for the server. */
export class FakeSocket implements Socket {
  onmessage: Socket["onmessage"] = null;
  onclose: Socket["onclose"] = null;
  readonly target: Target;
  readonly said: Said[] = [];
  closed = false;

  constructor(target: Target) {
    this.target = target;
  }

  send(frame: Frame): void {
    this.said.push(JSON.parse(String(frame)));
  }

  close(): void {
    this.closed = true;
  }

  says(message: Record<string, unknown>): void {
    this.onmessage?.(JSON.stringify(message));
  }

  welcomes(authenticated = true): void {
    this.says({
      type: "welcome",
      session: "c-1",
      heartbeat_ms: 10_000,
      limits: { frame_bytes_max: 65_536, subscriptions_max: 128, messages_per_second: 20 },
      authenticated,
    } satisfies ServerMessage);
  }

  ends(code: number, reason = ""): void {
    this.onclose?.(code, reason);
  }

  /** Everything of one type that the client said. */
  heard(type: string): Said[] {
    return this.said.filter((said) => said.type === type);
  }

  subscriptions(channel: Channel): Said[] {
    return this.heard("subscribe").filter((said) => said.channel === channel);
  }

  /** Answers the newest subscription to `channel`. */
  subscribes(
    channel: Channel,
    answer: { epoch: string; offset: number; snapshot?: unknown },
  ): void {
    const id = this.subscriptions(channel).at(-1)?.id ?? 0;
    const recovered = !("snapshot" in answer);
    this.says({ type: "subscribed", id, channel, stream: "main", recovered, ...answer });
  }

  /** Answers the newest request of one type. */
  acks(type: string): void {
    this.says({ type: "ack", id: this.heard(type).at(-1)?.id });
  }

  refuses(type: string, code: string, retryAfterMs?: number): void {
    const id = this.heard(type).at(-1)?.id;
    this.says({ type: "error", id, code, detail: code, retry_after_ms: retryAfterMs });
  }

  tells(channel: Channel, offset: number, data: unknown = offset): void {
    this.says({ type: "event", ...eventOf(channel, offset, data) });
  }
}

export function eventOf(
  channel: Channel,
  offset: number,
  data: unknown = offset,
): Record<string, unknown> {
  const event = channel === "chat" ? "chat.message.posted" : "stream.state.changed";
  return { channel, stream: "main", offset, time: "2030-01-01T00:00:00.000Z", event, data };
}
