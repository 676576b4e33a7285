import type { Codec } from "./codec.ts";
import { readMessagePack, writeMessagePack } from "./message-pack.ts";
import { readServerMessage } from "./server-message.ts";

/** Binary frames with one MessagePack map each: the same messages in about three quarters of the bytes. */
export const messagePackCodec: Codec = {
  subprotocol: "stream-manager.v1+msgpack",
  encode: writeMessagePack,
  decode(frame) {
    if (!(frame instanceof ArrayBuffer)) return null;
    try {
      return readServerMessage(readMessagePack(frame));
    } catch {
      return null;
    }
  },
};
