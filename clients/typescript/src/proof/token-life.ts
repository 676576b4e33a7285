/**
 * When an access token ends, in milliseconds since 1970, read from it where it is a JSON Web Token.
 * Nothing is verified: this only says when to fetch the next one. `null` when it says nothing.
 */
export function tokenEndsAt(token: string): number | null {
  const [, claims, signature] = token.split(".");
  if (!claims || signature === undefined) return null;
  try {
    const read: unknown = JSON.parse(atob(claims.replaceAll("-", "+").replaceAll("_", "/")));
    const exp = typeof read === "object" && read !== null && "exp" in read ? read.exp : null;
    return typeof exp === "number" && Number.isFinite(exp) ? exp * 1_000 : null;
  } catch {
    return null;
  }
}

/** A token is renewed when this share of what is left of its life is over. */
const RENEW_AT = 0.75;
/** Not more often, whatever a token says or a wrong clock makes of it. */
const RENEWAL_DISTANCE_MS = 1_000;

/** When to fetch the next token, in milliseconds since 1970; `null` when nobody knows. */
export function renewAt(token: string, now: number): number | null {
  const endsAt = tokenEndsAt(token);
  if (endsAt === null) return null;
  return now + Math.max(RENEWAL_DISTANCE_MS, (endsAt - now) * RENEW_AT);
}
