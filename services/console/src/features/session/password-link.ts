const MARK = "#choose-password=";

/** The secret of a link to choose a password, where this page was opened by one. */
export function linkToken(): string | null {
  return location.hash.startsWith(MARK) ? location.hash.slice(MARK.length) : null;
}
