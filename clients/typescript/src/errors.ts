/** The server refused a request; the connection goes on. */
export class RequestError extends Error {
  override readonly name = "RequestError";
  /** Stable, dotted code, such as `rate.limited`. */
  readonly code: string;
  /** When to try again, where that helps, in milliseconds. */
  readonly retryAfterMs: number | null;

  constructor(code: string, detail: string, retryAfterMs: number | null) {
    super(detail);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** There is no connection to say something on. Nothing was sent. */
export class NotConnectedError extends Error {
  override readonly name = "NotConnectedError";

  constructor() {
    super("not connected to the server; nothing was sent");
  }
}

/** The connection ended before the answer came: nobody knows whether the request was carried out. */
export class ConnectionLostError extends Error {
  override readonly name = "ConnectionLostError";

  constructor() {
    super("the connection was lost before the answer came");
  }
}

/** What `Proof.admit` throws when it knows more than "not now". */
export class ProofError extends Error {
  override readonly name = "ProofError";
  /** Trying again does not help: somebody has to sign in. */
  readonly signInNeeded: boolean;
  /** When to try again, in milliseconds; `null`: as the back-off says. */
  readonly retryAfterMs: number | null;

  constructor(
    message: string,
    { signInNeeded = false, retryAfterMs = null }: Partial<ProofErrorOptions> = {},
  ) {
    super(message);
    this.signInNeeded = signInNeeded;
    this.retryAfterMs = retryAfterMs;
  }
}

export interface ProofErrorOptions {
  readonly signInNeeded: boolean;
  readonly retryAfterMs: number | null;
}
