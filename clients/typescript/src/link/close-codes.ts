import { SERVER_CLOSINGS } from "../protocol/channels.gen.ts";

/** What a closed connection asks of the client. */
export type AfterClose =
  /** Come back with your position. */
  | "reconnect"
  /** Prove who you are first. */
  | "sign-in"
  /** Do not come back before something has changed. */
  | "stop";

/** The codes after which a new proof helps: nobody was known, or the sign-in was ended. */
const SIGN_IN: readonly number[] = [4500, 4504];

/** The code that is reported when the connection broke without a close frame. */
export const BROKEN = 1006;

/** Codes of a proxy or a network between us and the server, not of the server. */
const NOT_FROM_THE_SERVER: readonly number[] = [1005, BROKEN, 1012, 1013, 1014];

/** The rule of the server's close codes: 1001 and 4000 to 4499 mean "come back". */
export function afterClose(code: number): AfterClose {
  if (code === 1001 || (code >= 4000 && code < 4500)) return "reconnect";
  if (NOT_FROM_THE_SERVER.includes(code)) return "reconnect";
  return SIGN_IN.includes(code) ? "sign-in" : "stop";
}

/** The words for a close code, where the close frame brought none. */
export function closeReason(code: number, reason: string): string {
  if (reason) return reason;
  return SERVER_CLOSINGS.find((closing) => closing.code === code)?.reason ?? `code ${code}`;
}
