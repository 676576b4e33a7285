const FIRST_MS = 250;
const CAP_MS = 10_000;

/**
 * How long to wait before try number `attempt` (0 is the first): doubled each time up to a cap, then
 * spread over its upper half, so that a restarted server is not met by everybody at once.
 */
export function backOffMs(attempt: number, random: () => number): number {
  const full = Math.min(CAP_MS, FIRST_MS * 2 ** attempt);
  return Math.round(full * (0.5 + 0.5 * random()));
}
