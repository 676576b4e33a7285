import type { Failure } from "../../api/problem.ts";

/** Where a refused form says what is wrong: at its fields, and the rest above the buttons. */
export interface Faults {
  /** Of the field with this JSON Pointer. */
  at(pointer: string): string | null;
  /** What belongs to no field that is shown; `null` when everything does. */
  readonly rest: string | null;
}

export const NO_FAULTS: Faults = { at: () => null, rest: null };

/** `shown` are the JSON Pointers of the fields on the page. */
export function faultsOf(failure: Failure | null, shown: readonly string[]): Faults {
  if (!failure) return NO_FAULTS;
  const { fields } = failure;
  const areAllShown = fields.length > 0 && fields.every(({ pointer }) => shown.includes(pointer));
  return {
    at: (pointer) => {
      const details = fields.filter((field) => field.pointer === pointer).map(sentence);
      return details.length > 0 ? details.join(" ") : null;
    },
    rest: areAllShown ? "Not saved: a field needs another value." : failure.message,
  };
}

function sentence({ detail }: { readonly detail: string }): string {
  return `${detail.charAt(0).toUpperCase()}${detail.slice(1)}.`;
}
