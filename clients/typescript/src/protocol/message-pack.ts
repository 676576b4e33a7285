// The part of MessagePack (https://msgpack.org) that JSON has too: what the subprotocol's messages are made of.

/** How deeply a value may be nested; the server has the same limit. */
const DEPTH_MAX = 128;

const UTF8 = new TextDecoder("utf-8", { fatal: true });

/**
 * Reads one value, which is all of the bytes. Whole numbers of 64 bits become the nearest number, as they do when
 * JSON is parsed. Throws where the bytes are no such value.
 */
export function readMessagePack(bytes: ArrayBuffer): unknown {
  const view = new DataView(bytes);
  let at = 0;

  /** Moves on by `length`; gives the place before. Reading there throws where the bytes have ended. */
  const pass = (length: number) => {
    at += length;
    return at - length;
  };
  const count = (width: number) => {
    const place = pass(width);
    if (width === 1) return view.getUint8(place);
    return width === 2 ? view.getUint16(place) : view.getUint32(place);
  };
  const text = (length: number) => UTF8.decode(new Uint8Array(bytes, pass(length), length));
  const list = (length: number, depth: number) => {
    const values = [];
    while (values.length < length) values.push(value(depth));
    return values;
  };
  const map = (length: number, depth: number) => {
    const fields: [string, unknown][] = [];
    while (fields.length < length) fields.push([String(value(depth)), value(depth)]);
    // Makes fields of its own of any name, `__proto__` too.
    return Object.fromEntries(fields);
  };

  const value = (above: number): unknown => {
    const depth = above + 1;
    if (depth > DEPTH_MAX) throw new RangeError("the value is nested too deeply");
    const head = count(1);
    if (head < 0x80) return head;
    if (head < 0x90) return map(head & 15, depth);
    if (head < 0xa0) return list(head & 15, depth);
    if (head < 0xc0) return text(head & 31);
    if (head >= 0xe0) return head - 256;
    switch (head) {
      case 0xc0:
        return null;
      case 0xc2:
      case 0xc3:
        return head === 0xc3;
      case 0xca:
        return view.getFloat32(pass(4));
      case 0xcb:
        return view.getFloat64(pass(8));
      case 0xcc:
      case 0xcd:
      case 0xce:
        return count(1 << (head & 3));
      case 0xcf:
        return Number(view.getBigUint64(pass(8)));
      case 0xd0:
        return view.getInt8(pass(1));
      case 0xd1:
        return view.getInt16(pass(2));
      case 0xd2:
        return view.getInt32(pass(4));
      case 0xd3:
        return Number(view.getBigInt64(pass(8)));
      case 0xd9:
        return text(count(1));
      case 0xda:
        return text(count(2));
      case 0xdb:
        return text(count(4));
      case 0xdc:
        return list(count(2), depth);
      case 0xdd:
        return list(count(4), depth);
      case 0xde:
        return map(count(2), depth);
      case 0xdf:
        return map(count(4), depth);
      default:
        throw new TypeError(`no value of JSON begins with ${head}`);
    }
  };

  const whole = value(0);
  if (at !== view.byteLength) throw new TypeError("there are bytes after the value");
  return whole;
}

/** Writes what JSON can hold; fields that are `undefined` are left out, as JSON leaves them out. */
export function writeMessagePack(value: unknown): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  write(value, bytes);
  return Uint8Array.from(bytes);
}

function write(value: unknown, bytes: number[]): void {
  if (value === null) bytes.push(0xc0);
  else if (typeof value === "boolean") bytes.push(value ? 0xc3 : 0xc2);
  else if (typeof value === "number") writeNumber(value, bytes);
  else if (typeof value === "string") {
    const text = new TextEncoder().encode(value);
    writeCount(0xdb, text.length, bytes);
    for (const byte of text) bytes.push(byte);
  } else if (Array.isArray(value)) {
    writeCount(0xdd, value.length, bytes);
    for (const item of value) write(item, bytes);
  } else {
    const fields = Object.entries(value as object).filter(([, field]) => field !== undefined);
    writeCount(0xdf, fields.length, bytes);
    for (const pair of fields) for (const part of pair) write(part, bytes);
  }
}

/** A head that is followed by a count of 32 bits: the longest form, which is right for every length. */
function writeCount(head: number, count: number, bytes: number[]): void {
  bytes.push(head, count >>> 24, (count >>> 16) & 255, (count >>> 8) & 255, count & 255);
}

function writeNumber(value: number, bytes: number[]): void {
  const room = new DataView(new ArrayBuffer(8));
  const isCount = Number.isSafeInteger(value) && value >= 0;
  if (isCount) room.setBigUint64(0, BigInt(value));
  else room.setFloat64(0, value);
  bytes.push(isCount ? 0xcf : 0xcb, ...new Uint8Array(room.buffer));
}
