import type { Layer } from "../../api/types.ts";
import { fromLeaves, isObject, isSame, leaves, type Patch, valueAt } from "./patch.ts";

/** The same field, changed by two people to different values; `undefined` stands for none. */
export interface Conflict {
  readonly pointer: string;
  /** Before either of them. */
  readonly base: unknown;
  readonly mine: unknown;
  readonly theirs: unknown;
}

/** A field that one person changed. */
export interface Change {
  readonly pointer: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** What becomes of a change that met somebody else's. */
export interface Merge {
  /** What of mine can be written onto theirs; nothing of it would undo anything of theirs. */
  readonly patch: Patch;
  /** The fields that a person has to decide about. */
  readonly conflicts: readonly Conflict[];
  /** What they changed and I did not. */
  readonly theirs: readonly Change[];
}

/** What is nobody's change, but follows from one. */
const FOLLOWS: readonly string[] = ["revision", "updated_at", "status", "playback"];

/**
 * Merges `mine`, a change that was made of `base`, with what others have made of it. Fields that one side
 * changed, or both to the same value, are merged; lists and what a layer has of another kind count whole.
 */
export function merge(base: Layer, mine: Patch, theirs: Layer): Merge {
  const fields = leaves(mine).map((pointer) => ({
    pointer,
    base: valueAt(base, pointer),
    mine: valueAt(mine, pointer),
    theirs: valueAt(theirs, pointer),
  }));
  const wanted = fields.filter((field) => !isSame(field.theirs, field.mine));
  const isFree = (field: Conflict) => isSame(field.theirs, field.base);
  return {
    patch: fromLeaves(wanted.filter(isFree).map((field) => [field.pointer, field.mine] as const)),
    conflicts: wanted.filter((field) => !isFree(field)),
    theirs: differing(base, theirs).filter(
      (change) => !fields.some(({ pointer }) => isOneInTheOther(pointer, change.pointer)),
    ),
  };
}

/** The fields in which two layers differ, at the leaves. */
function differing(before: unknown, after: unknown, prefix = ""): Change[] {
  if (isSame(before, after)) return [];
  if (!isObject(before) || !isObject(after)) return [{ pointer: prefix, before, after }];
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((name) => {
    const pointer = `${prefix}/${name}`;
    if (FOLLOWS.includes(name) && prefix === "") return [];
    return differing(valueAt(before, `/${name}`), valueAt(after, `/${name}`), pointer);
  });
}

function isOneInTheOther(a: string, b: string): boolean {
  return `${a}/`.startsWith(`${b}/`) || `${b}/`.startsWith(`${a}/`);
}
