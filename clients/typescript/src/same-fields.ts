/** Whether two flat values have the same fields. */
export function sameFields<T extends object>(one: T, other: T): boolean {
  const fields = Object.entries(one);
  return (
    fields.length === Object.keys(other).length &&
    fields.every(([name, value]) => Object.is(value, Reflect.get(other, name)))
  );
}
