import { BROKEN } from "../link/close-codes.ts";
import type { Frame } from "../protocol/codec.ts";

/** The part of a WebSocket that is used. */
export interface Socket {
  send(frame: Frame): void;
  close(): void;
  /** Text, or an `ArrayBuffer`. */
  onmessage: ((frame: unknown) => void) | null;
  onclose: ((code: number, reason: string) => void) | null;
}

/** Where and how to connect. */
export interface Target {
  readonly url: URL;
  readonly subprotocol: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Opens sockets. What goes wrong before a socket is open is told by its `onclose`. */
export type Transport = (target: Target) => Socket;

/** WebSockets of the platform: the browser's, or Node's, which takes headers. */
export const webSockets: Transport = ({ url, subprotocol, headers }) => {
  const hasHeaders = Object.keys(headers).length > 0;
  const webSocket = hasHeaders
    ? new (WebSocket as unknown as WithHeaders)(url, { protocols: [subprotocol], headers })
    : new WebSocket(url, subprotocol);
  webSocket.binaryType = "arraybuffer";
  const socket: Socket = {
    onmessage: null,
    onclose: null,
    send: (frame) => webSocket.send(frame),
    close: () => webSocket.close(),
  };
  let isOver = false;
  const end = (code: number, reason: string) => {
    if (!isOver) socket.onclose?.(code, reason);
    isOver = true;
  };
  let wasOpen = false;
  webSocket.onopen = () => {
    wasOpen = true;
  };
  webSocket.onmessage = ({ data }) => socket.onmessage?.(data);
  webSocket.onclose = ({ code, reason }) => end(code, reason);
  // Node 22 tells of a handshake that failed by an error alone, and never closes the socket.
  webSocket.onerror = () => {
    if (!wasOpen) end(BROKEN, "");
  };
  return socket;
};

/** Node's constructor takes more than the standard says. */
interface WithHeaders {
  new (
    url: URL,
    options: { protocols: string[]; headers: Readonly<Record<string, string>> },
  ): WebSocket;
}
