import { expect, it } from "vitest";
import { SERVER_CLOSINGS } from "../protocol/channels.gen.ts";
import { afterClose, closeReason } from "./close-codes.ts";

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
  [4504, "sign-in"],
])("after %i: %s", (code, next) => {
  expect(afterClose(code)).toBe(next);
});

it("agrees with the server about every code that the server has", () => {
  for (const { code, reconnect } of SERVER_CLOSINGS) {
    expect(afterClose(code) === "reconnect", `${code}`).toBe(reconnect);
  }
});

it("has words for a code that came without", () => {
  expect(closeReason(4503, "")).toBe("too many connections");
  expect(closeReason(4503, "yours")).toBe("yours");
  expect(closeReason(3999, "")).toBe("code 3999");
});
