import type { ClientMessage, ServerMessage } from "./messages.ts";

/** What travels in one WebSocket message: text, or bytes. */
export type Frame = string | Uint8Array<ArrayBuffer>;

/** What was read from a frame; `null` when it is no message of the protocol. */
export type Decoded = ServerMessage | null;

/**
 * One subprotocol: how messages become frames and back. Whatever the form is, the messages are the
 * same. `decode` may take its time, as inflating does; frames are handled in the order in which they came
 * all the same.
 */
export interface Codec {
  /** The name that the server is offered. */
  readonly subprotocol: string;
  encode(message: ClientMessage): Frame;
  /** `frame` is a text, or an `ArrayBuffer` of a binary frame or of what was inflated. */
  decode(frame: unknown): Decoded | Promise<Decoded>;
}
