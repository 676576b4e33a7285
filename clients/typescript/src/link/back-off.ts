/** How long to wait before another try. */
export interface BackOff {
  readonly firstMs: number;
  readonly capMs: number;
}

/**
 * The wait before try number `attempt` (0 is the first): doubled each time up to a cap, then spread
 * over its upper half, so that a restarted server is not met by everybody at once. `random` gives 0
 * to 1.
 */
export function backOffMs(
  attempt: number,
  { firstMs, capMs }: BackOff,
  random: () => number,
): number {
  const full = Math.min(capMs, firstMs * 2 ** attempt);
  return Math.round(full * (0.5 + 0.5 * random()));
}
