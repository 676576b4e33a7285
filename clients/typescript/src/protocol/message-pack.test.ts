import { expect, it } from "vitest";
import { readMessagePack, writeMessagePack } from "./message-pack.ts";

const read = (...bytes: number[]) => readMessagePack(Uint8Array.from(bytes).buffer);
const letters = (text: string) => [...new TextEncoder().encode(text)];

// Every form of the specification that JSON has too.
it.each<[string, number[], unknown]>([
  ["nil", [0xc0], null],
  ["false", [0xc2], false],
  ["true", [0xc3], true],
  ["positive fixint", [0x7f], 127],
  ["negative fixint", [0xe0], -32],
  ["uint 8", [0xcc, 0xff], 255],
  ["uint 16", [0xcd, 1, 0], 256],
  ["uint 32", [0xce, 0xff, 0xff, 0xff, 0xff], 2 ** 32 - 1],
  ["uint 64", [0xcf, 0, 0x1f, 255, 255, 255, 255, 255, 255], Number.MAX_SAFE_INTEGER],
  [
    "uint 64 as JSON",
    [0xcf, 255, 255, 255, 255, 255, 255, 255, 255],
    JSON.parse(`${2n ** 64n - 1n}`),
  ],
  ["int 8", [0xd0, 0x80], -128],
  ["int 16", [0xd1, 0x80, 0], -32_768],
  ["int 32", [0xd2, 0x80, 0, 0, 0], -(2 ** 31)],
  ["int 64", [0xd3, 255, 255, 255, 255, 255, 255, 255, 254], -2],
  ["float 32", [0xca, 0x3f, 0, 0, 0], 0.5],
  ["float 64", [0xcb, 0x3f, 0xe0, 0, 0, 0, 0, 0, 0], 0.5],
  ["fixstr", [0xa2, 0xc3, 0xa9], "é"],
  ["str 8", [0xd9, 2, ...letters("ab")], "ab"],
  ["str 16", [0xda, 0, 2, ...letters("ab")], "ab"],
  ["str 32", [0xdb, 0, 0, 0, 2, ...letters("ab")], "ab"],
  ["fixarray", [0x92, 1, 2], [1, 2]],
  ["array 16", [0xdc, 0, 2, 1, 2], [1, 2]],
  ["array 32", [0xdd, 0, 0, 0, 1, 0x90], [[]]],
  ["fixmap", [0x81, 0xa1, 0x61, 1], { a: 1 }],
  ["map 16", [0xde, 0, 1, 0xa1, 0x61, 0x80], { a: {} }],
  ["map 32", [0xdf, 0, 0, 0, 1, 0xa1, 0x61, 0xc0], { a: null }],
])("reads a %s", (_, bytes, value) => {
  expect(read(...bytes)).toEqual(value);
});

it.each<[string, number[]]>([
  ["nothing", []],
  ["half a number", [0xcd, 1]],
  ["half a text", [0xa3, 0x61]],
  ["half a list", [0x92, 1]],
  ["a list that says it has four thousand million values", [0xdd, 255, 255, 255, 255]],
  ["a text that is not UTF-8", [0xa1, 0xff]],
  ["a value that JSON does not have", [0xc4, 1, 0]],
  ["the mark of a deflated message", [0xc1]],
  ["two values", [1, 2]],
  ["a tower of lists", Array(60_000).fill(0x91)],
])("does not read %s", (_, bytes) => {
  expect(() => read(...bytes)).toThrow();
});

it("reads a field of any name as a field", () => {
  const name = "__proto__";
  const read = readMessagePack(writeMessagePack(JSON.parse(`{"${name}":{"x":1}}`)).buffer);
  expect(Object.keys(read as object)).toEqual([name]);
  expect(({} as { x?: number }).x).toBeUndefined();
});

it.each([
  [null],
  [true],
  [false],
  [0],
  [200],
  [-1],
  [0.1],
  [2 ** 40],
  [Number.MAX_SAFE_INTEGER],
  [""],
  ["é 🎬 ".repeat(20_000)],
  [[1, [2, { a: [] }]]],
  [{ type: "subscribe", id: 7, since: { epoch: "e", offset: 2 ** 33 } }],
])("reads back what it writes: %j", (value) => {
  expect(readMessagePack(writeMessagePack(value).buffer)).toEqual(value);
});

it("leaves out what is undefined", () => {
  expect(readMessagePack(writeMessagePack({ a: undefined, b: 1 }).buffer)).toEqual({ b: 1 });
});
