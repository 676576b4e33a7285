/** Longest wait for a system that runs, in milliseconds. */
const PATIENCE_MS = 30_000;
const DISTANCE_MS = 20;

/** Waits until `condition` gives something, and gives that; fails with what `seen` says. */
export async function until<T>(
  what: string,
  condition: () => T | null | undefined | false,
  seen: () => unknown = () => "",
): Promise<T> {
  return pollUntil(what, async () => condition(), seen);
}

/** The same, where the condition has to be asked for. */
export async function pollUntil<T>(
  what: string,
  condition: () => Promise<T | null | undefined | false>,
  seen: () => unknown = () => "",
): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await condition();
    if (found !== null && found !== undefined && found !== false) return found;
    if (Date.now() > deadline) throw new Error(`not ${what}: ${JSON.stringify(seen())}`);
    await new Promise((resolve) => setTimeout(resolve, DISTANCE_MS));
  }
}
