import { byTicket, byToken, Client, ProofError } from "@stream-manager/client";
import { type Api, outcomeOf } from "../api/client.ts";
import type { Session } from "../api/session.ts";
import { webSocketUrl } from "../base-url.ts";

/** Somebody looks at this page: a lost link is noticed within seconds. In milliseconds. */
const TIMING = { pingMs: 1_000, staleMs: 2_000, silentMs: 6_000 };

/**
 * The live link of this page: tickets from the API, renewed with the session's tokens, or a guest's token. A page can ask for
 * a sample of a chat that is faster than anybody reads.
 */
export function browserClient(api: Api, session: Session, sampleChat: boolean): Client {
  const guestToken = session.guestToken();
  const client = new Client({
    url: () => webSocketUrl("ws"),
    proof: guestToken ? byToken(guestToken) : byTicket(() => fetchTicket(api)),
    timing: TIMING,
    sampleChat,
  });
  session.onToken((token) => client.renew(token));
  client.state.subscribe(() => {
    const state = client.state.get();
    // The sign-in was ended from elsewhere: whoever sits here is asked at once, not at the next click.
    if (state.kind === "refused" && state.because === "sign-in") void session.renew();
  });
  return client;
}

async function fetchTicket(api: Api): Promise<string> {
  const ticket = await outcomeOf(api.POST("/api/auth/ws-ticket"));
  if (ticket.ok) return ticket.data.ticket;
  const { status, retryAfterMs } = ticket.failure;
  throw new ProofError("not signed in", { signInNeeded: status === 401, retryAfterMs });
}
