import type { Inflate } from "./edge/inflate.ts";
import type { Socket, Transport } from "./edge/transport.ts";
import { BROKEN } from "./link/close-codes.ts";
import type { Admission, Proof } from "./proof/proof.ts";
import type { Codec, Decoded } from "./protocol/codec.ts";
import type { ClientMessage, ServerMessage } from "./protocol/messages.ts";

/** What a connection is made of. */
export interface WireParts {
  readonly url: () => URL;
  readonly proof: Proof;
  readonly codec: Codec;
  readonly transport: Transport;
  /** `null` where large messages are to come as they are. */
  readonly inflate: Inflate | null;
}

/** Who hears a connection. */
export interface WireListener {
  /** Who connects is known; the socket is being opened. */
  admitted(admission: Admission): void;
  notOpened(error: unknown): void;
  /** A frame arrived, whatever it says. */
  frame(): void;
  message(message: ServerMessage): void;
  /** A frame came deflated. */
  inflated(): void;
  /** A frame was no message of the protocol. */
  unreadable(): void;
  closed(code: number, reason: string): void;
}

/**
 * One try at a connection, from the proof to the close code. After {@link drop} its listener hears
 * nothing more, so that nothing late from an old socket can disturb a newer one.
 */
export class Wire {
  private readonly parts: WireParts;
  private listener: WireListener | null;
  private socket: Socket | null = null;
  /** The delivery of the last frame, while a codec takes its time. */
  private delivery: Promise<void> | null = null;

  constructor(parts: WireParts, listener: WireListener, now: number) {
    this.parts = parts;
    this.listener = listener;
    void this.admit(now);
  }

  say(message: ClientMessage): void {
    this.socket?.send(this.parts.codec.encode(message));
  }

  drop(): void {
    this.listener = null;
    const { socket } = this;
    if (!socket) return;
    socket.onmessage = null;
    socket.onclose = null;
    socket.close();
  }

  private async admit(now: number): Promise<void> {
    try {
      const admission = await this.parts.proof.admit(now);
      if (!this.listener) return;
      this.socket = this.open(admission);
      this.listener.admitted(admission);
    } catch (error) {
      this.listener?.notOpened(error);
    }
  }

  private open({ query = {}, headers = {} }: Admission): Socket {
    const { codec, transport } = this.parts;
    const url = this.parts.url();
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const socket = transport({ url, subprotocol: codec.subprotocol, headers });
    socket.onmessage = (frame) => this.receive(frame);
    socket.onclose = (code, reason) => this.ended(code, reason);
    return socket;
  }

  private receive(frame: unknown): void {
    this.listener?.frame();
    const decoded = this.decode(frame);
    if (this.delivery === null && !(decoded instanceof Promise)) {
      this.deliver(decoded);
      return;
    }
    const mayFail = Promise.resolve(decoded).catch(() => null);
    this.inOrder(async () => this.deliver(await mayFail));
  }

  private decode(frame: unknown): Decoded | Promise<Decoded> {
    const { codec, inflate } = this.parts;
    const stream = inflate && deflatedIn(frame);
    if (!stream) return codec.decode(frame);
    this.listener?.inflated();
    return inflate(stream).then((message) => codec.decode(message));
  }

  private ended(code: number, reason: string): void {
    const tell = () => this.listener?.closed(code || BROKEN, reason);
    if (this.delivery === null) tell();
    else this.inOrder(async () => tell());
  }

  /** Runs `task` after those before it. */
  private inOrder(task: () => Promise<void>): void {
    const mine = (this.delivery ?? Promise.resolve()).then(task).finally(() => {
      if (this.delivery === mine) this.delivery = null;
    });
    this.delivery = mine;
  }

  private deliver(decoded: Decoded): void {
    if (decoded) this.listener?.message(decoded);
    else this.listener?.unreadable();
  }
}

/**
 * The first byte of a frame that holds a deflated message. No value in MessagePack begins with it, and JSON
 * comes in text frames.
 */
const DEFLATED = 0xc1;

/** The zlib stream in a frame that holds a deflated message; `null` in any other. */
function deflatedIn(frame: unknown): Uint8Array<ArrayBuffer> | null {
  if (!(frame instanceof ArrayBuffer)) return null;
  const bytes = new Uint8Array(frame);
  return bytes[0] === DEFLATED ? bytes.subarray(1) : null;
}
