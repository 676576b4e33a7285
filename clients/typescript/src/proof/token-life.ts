/** What an access token says about its own time, in milliseconds since 1970. */
interface Life {
  /** When it was made; `null` when it does not say. */
  readonly beganAt: number | null;
  readonly endsAt: number;
}

/**
 * Reads it from a JSON Web Token. Nothing is verified: this only says when to fetch the next one.
 * `null` when the token says nothing.
 */
export function lifeOf(token: string): Life | null {
  const [, claims, signature] = token.split(".");
  if (!claims || signature === undefined) return null;
  try {
    const read: unknown = JSON.parse(atob(claims.replaceAll("-", "+").replaceAll("_", "/")));
    const endsAt = timeIn(read, "exp");
    return endsAt === null ? null : { beganAt: timeIn(read, "iat"), endsAt };
  } catch {
    return null;
  }
}

function timeIn(claims: unknown, name: string): number | null {
  if (typeof claims !== "object" || claims === null) return null;
  const seconds: unknown = Reflect.get(claims, name);
  return typeof seconds === "number" && Number.isFinite(seconds) ? seconds * 1_000 : null;
}

/** A token is renewed when this share of what is left of its life is over. */
const RENEW_AT = 0.75;
/** Not more often, whatever a token says. */
const RENEWAL_DISTANCE_MS = 1_000;
/** Nor more often than this share of a whole life: this machine's clock may be wrong. */
const RENEWAL_DISTANCE = 0.1;

/** When to fetch the next token, in milliseconds since 1970; `null` when nobody knows. */
export function renewAt(token: string, now: number): number | null {
  const life = lifeOf(token);
  if (life === null) return null;
  const left = life.endsAt - now;
  const whole = life.beganAt === null ? left : life.endsAt - life.beganAt;
  // The server took it, so it is good: a clock that finds it ended, or not yet begun, is wrong.
  const believed = left > 0 && left <= whole ? left : whole;
  return now + Math.max(RENEWAL_DISTANCE_MS, whole * RENEWAL_DISTANCE, believed * RENEW_AT);
}
