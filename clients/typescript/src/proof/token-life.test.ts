import { expect, it } from "vitest";
import { lifeOf, renewAt } from "./token-life.ts";

const encode = (claims: unknown) =>
  `head.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.signature`;

it.each([
  ["a token", encode({ iat: 1_000, exp: 2_000 }), { beganAt: 1_000_000, endsAt: 2_000_000 }],
  [
    "a name of many letters",
    encode({ exp: 2, name: "Zoë ÿÿÿ?>" }),
    { beganAt: null, endsAt: 2_000 },
  ],
  ["no end", encode({ iat: 1_000 }), null],
  ["an end that is none", encode({ exp: "soon" }), null],
  ["claims that are none", encode(null), null],
  ["no token", "opaque", null],
  ["garbage", "a.%%%.c", null],
])("reads the life of %s", (_, token, life) => {
  expect(lifeOf(token)).toEqual(life);
});

// A token that is good from second 1,000 to 2,000.
it.each([
  ["fresh", 1_000, 750],
  ["half used", 1_500, 375],
  ["nearly over: not sooner than a tenth of its life", 1_999, 100],
  ["over by this clock, which is wrong", 2_500, 750],
  ["not begun by this clock, which is wrong", 400, 750],
])("is renewed when it is %s", (_, nowSeconds, afterSeconds) => {
  const token = encode({ iat: 1_000, exp: 2_000 });
  expect(renewAt(token, nowSeconds * 1_000)).toBe((nowSeconds + afterSeconds) * 1_000);
});

it.each([
  [1_000, 1_750],
  [1_999.9, 2_000.9],
  [3_000, 3_001],
])("without a beginning, at %f s: at %f s", (nowSeconds, atSeconds) => {
  expect(renewAt(encode({ exp: 2_000 }), nowSeconds * 1_000)).toBeCloseTo(atSeconds * 1_000, 3);
});
