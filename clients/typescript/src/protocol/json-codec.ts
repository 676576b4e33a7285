import type { Codec } from "./codec.ts";
import { readServerMessage } from "./server-message.ts";

/** Text frames with one JSON object each. What was inflated is read from bytes. */
export const jsonCodec: Codec = {
  subprotocol: "stream-manager.v1+json",
  encode: (message) => JSON.stringify(message),
  decode(frame) {
    try {
      const text = frame instanceof ArrayBuffer ? new TextDecoder().decode(frame) : String(frame);
      return readServerMessage(JSON.parse(text));
    } catch {
      return null;
    }
  },
};
