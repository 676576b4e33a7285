import { renewAt } from "./token-life.ts";

/** How one connection proves who connects. */
export interface Admission {
  /** Goes into the address. */
  readonly query?: Readonly<Record<string, string>>;
  /** Goes into the handshake; browsers cannot send any. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Goes into a first message of type `auth`. */
  readonly token?: string;
  /** When to call {@link Proof.renew}, in milliseconds since 1970. */
  readonly renewAt?: number;
}

/** Proves who connects, afresh for each connection. */
export interface Proof {
  /** Throws a `ProofError` where it knows that a sign-in is needed, or when to try again. */
  admit(now: number): Promise<Admission>;
  /** The next token for a connection that goes on. Absent: the connection ends with its token. */
  renew?(now: number): Promise<{ readonly token: string; readonly renewAt?: number }>;
}

/** An access token, or how to get one that is good now: it is asked for again before it ends. */
export type TokenSource = string | (() => string | Promise<string>);

/** Nobody: for what the public may watch. */
export const anonymous: Proof = { admit: async () => ({}) };

/** An access token in the first message: works everywhere, and says why when it is refused. */
export function byToken(source: TokenSource): Proof {
  const fetchToken = async (now: number) => withRenewal(await take(source), now);
  return typeof source === "string"
    ? { admit: async () => ({ token: source }) }
    : { admit: fetchToken, renew: fetchToken };
}

/** An access token in the `Authorization` header of the handshake: in Node alone. */
export function byHeader(source: TokenSource): Proof {
  const { renew } = byToken(source);
  return {
    async admit(now) {
      const { token, ...rest } = withRenewal(await take(source), now);
      return { headers: { Authorization: `Bearer ${token}` }, ...(renew && rest) };
    },
    ...(renew && { renew }),
  };
}

/**
 * A ticket of `POST /api/auth/ws-ticket` for each connection: for browsers, where a token in a
 * message is not wanted. `Client.renew` keeps such a connection beyond the token that got the ticket.
 */
export function byTicket(fetchTicket: () => Promise<string>): Proof {
  return { admit: async () => ({ query: { ticket: await fetchTicket() } }) };
}

async function take(source: TokenSource): Promise<string> {
  return typeof source === "string" ? source : source();
}

function withRenewal(token: string, now: number): { token: string; renewAt?: number } {
  const at = renewAt(token, now);
  return at === null ? { token } : { token, renewAt: at };
}
