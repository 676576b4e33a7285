/** Samples come each second; one this old says that they stopped. */
const OLD_MS = 2_500;
/** The same where figures are only asked for now and then. */
const OLD_POLLED_MS = 6_000;

/** Whether a sample of this age says nothing about now. */
export function isOld(ageMs: number, polled: boolean): boolean {
  return ageMs > (polled ? OLD_POLLED_MS : OLD_MS);
}
