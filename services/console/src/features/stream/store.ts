import type { EventMessage, StreamState } from "../../api/types.ts";
import type { ChannelListener } from "../../live/channel-listener.ts";
import { Observable } from "../../observable.ts";

/** The newest state of the stream, whoever brought it: the channel, or a poll. */
export class StreamStore implements ChannelListener {
  readonly state = new Observable<StreamState | null>(null);

  snapshot(value: unknown): void {
    if (isStreamState(value)) this.state.set(value);
  }

  event({ event, data }: EventMessage): void {
    // Errors and interruptions have events of their own; the state carries them all.
    if (event === "stream.state.changed" && isStreamState(data)) this.state.set(data);
  }
}

function isStreamState(value: unknown): value is StreamState {
  return (
    typeof value === "object" &&
    value !== null &&
    "status" in value &&
    "desired_status" in value &&
    "errors" in value &&
    Array.isArray(value.errors)
  );
}
