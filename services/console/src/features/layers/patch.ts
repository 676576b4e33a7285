/** A part of a layer's fields, nested as in the layer: a JSON merge patch (RFC 7396). */
export type Patch = { readonly [field: string]: Json };
export type Json = string | number | boolean | null | readonly Json[] | Patch;

/** `patch` laid over `target`; neither is changed. */
export function laidOver<T extends object>(target: T, patch: Patch): T {
  const result = { ...target } as Record<string, unknown>;
  for (const [field, value] of Object.entries(patch)) {
    const old = result[field];
    result[field] = isPatch(value) ? laidOver(isObject(old) ? old : {}, value) : value;
  }
  return result as T;
}

/** The fields of a patch at its leaves, as JSON Pointers. */
export function leaves(patch: Patch, prefix = ""): string[] {
  return Object.entries(patch).flatMap(([field, value]) =>
    isPatch(value) ? leaves(value, `${prefix}/${field}`) : [`${prefix}/${field}`],
  );
}

/** The value at a JSON Pointer; `undefined` where there is none. */
export function valueAt(target: unknown, pointer: string): unknown {
  let value: unknown = target;
  for (const field of pointer.split("/").slice(1)) {
    value = isObject(value) ? (value as Record<string, unknown>)[field] : undefined;
  }
  return value;
}

/** The patch of these fields, given by JSON Pointers. */
export function fromLeaves(fields: readonly (readonly [pointer: string, value: unknown])[]): Patch {
  return fields.reduce<Patch>((patch, [pointer, value]) => {
    const names = pointer.split("/").slice(1);
    return laidOver(
      patch,
      names.reduceRight<Json>((inner, name) => ({ [name]: inner }), value as Json) as Patch,
    );
  }, {});
}

export function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

export function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isPatch(value: Json): value is Patch {
  return isObject(value);
}
