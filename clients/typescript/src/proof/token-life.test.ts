import { expect, it } from "vitest";
import { renewAt, tokenEndsAt } from "./token-life.ts";

const encode = (claims: unknown) =>
  Buffer.from(JSON.stringify(claims))
    .toString("base64url")
    .replace(/^/, "head.")
    .concat(".signature");

it.each([
  ["a token", encode({ exp: 2_000 }), 2_000_000],
  ["a token with a name of many letters", encode({ exp: 2_000, name: "Zoë ÿÿÿ?>" }), 2_000_000],
  ["no end", encode({ sub: "u" }), null],
  ["an end that is none", encode({ exp: "soon" }), null],
  ["claims that are none", encode(null), null],
  ["no token", "opaque", null],
  ["garbage", "a.%%%.c", null],
])("reads the end of %s", (_, token, endsAt) => {
  expect(tokenEndsAt(token)).toBe(endsAt);
});

it.each([
  [1_900_000, 1_975_000],
  [1_999_900, 2_000_900],
  [2_500_000, 2_501_000],
])("at %i the next one is fetched at %i", (now, at) => {
  expect(renewAt(encode({ exp: 2_000 }), now)).toBe(at);
});
