import { expect, it } from "vitest";
import { afterClose } from "./close-codes.ts";

it.each([
  [1001, "reconnect"],
  [1006, "reconnect"],
  [4000, "reconnect"],
  [4002, "reconnect"],
  [4499, "reconnect"],
  [1000, "stop"],
  [1002, "stop"],
  [1009, "stop"],
  [4500, "sign-in"],
  [4503, "stop"],
])("after %i: %s", (code, next) => {
  expect(afterClose(code)).toBe(next);
});
