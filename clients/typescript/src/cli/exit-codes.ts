/** How the program ends, after `sysexits.h`. */
export const EXIT = {
  done: 0,
  /** A request was refused; the message says why. */
  refused: 1,
  usage: 64,
  /** No connection was made in time. */
  unavailable: 69,
  /** Our fault. */
  internal: 70,
  /** The server ended the connection for what this client does. */
  protocol: 76,
  /** Nobody is signed in, or the role does not allow it. */
  permission: 77,
  /** Ctrl-C, after the shells' rule of 128 and the signal's number. */
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends the program with a message for people. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly code: ExitCode;

  constructor(code: ExitCode, message: string) {
    super(message);
    this.code = code;
  }
}
