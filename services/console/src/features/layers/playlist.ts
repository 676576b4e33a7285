/** The list with an item at another place. */
export function moved<T>(items: readonly T[], from: number, to: number): T[] {
  const rest = without(items, from);
  const item = items[from];
  if (item === undefined) return rest;
  return [...rest.slice(0, to), item, ...rest.slice(to)];
}

/** The list without an item. */
export function without<T>(items: readonly T[], place: number): T[] {
  return items.filter((_, other) => other !== place);
}

/** The list with another item in a place. */
export function replaced<T>(items: readonly T[], place: number, item: T): T[] {
  return items.map((known, other) => (other === place ? item : known));
}
