/** Inflates a zlib stream (RFC 1950). Rejects what is none. */
export type Inflate = (stream: Uint8Array<ArrayBuffer>) => Promise<ArrayBuffer>;

/** Most bytes that one message may have: far more than a server says, and less than harms a page. */
const BYTES_MAX = 32 << 20;

/** Inflates as the platform does; `null` where it cannot. */
export function inflateStream(): Inflate | null {
  return typeof DecompressionStream === "undefined" ? null : inflate;
}

async function inflate(stream: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> {
  let left = BYTES_MAX;
  const bounded = new TransformStream<Uint8Array, Uint8Array>({
    transform(part, way) {
      left -= part.length;
      if (left < 0) throw new RangeError("the message is too large");
      way.enqueue(part);
    },
  });
  const inflated = new Blob([stream]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(inflated.pipeThrough(bounded)).arrayBuffer();
}
