import type { Layer } from "../../api/types.ts";

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

/** The same field, changed by two people to different values. */
export interface Conflict {
  readonly pointer: string;
  readonly mine: unknown;
  readonly theirs: unknown;
}

/**
 * What stands in the way of writing `patch`, made against `base`, onto `theirs`. Fields that only one
 * side changed, or both to the same value, do not.
 */
export function conflicts(base: Layer, patch: Patch, theirs: Layer): Conflict[] {
  return leaves(patch).flatMap((pointer) => {
    const before = valueAt(base, pointer);
    const now = valueAt(theirs, pointer);
    const mine = valueAt(patch, pointer);
    const free = isSame(now, before) || isSame(now, mine);
    return free ? [] : [{ pointer, mine, theirs: now }];
  });
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isPatch(value: Json): value is Patch {
  return isObject(value);
}
