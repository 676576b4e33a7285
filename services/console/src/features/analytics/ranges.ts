/** A stretch of time: up to now, or between two moments in milliseconds. */
export type Range =
  | { readonly kind: "last"; readonly id: string }
  | { readonly kind: "between"; readonly from: number; readonly to: number };

export interface Choice {
  /** As the API takes it after a minus. */
  readonly id: string;
  readonly label: string;
  /** How often it is read again while somebody looks, in milliseconds. */
  readonly refreshMs: number;
}

export const CHOICES: readonly Choice[] = [
  { id: "15m", label: "15 min", refreshMs: 5_000 },
  { id: "1h", label: "1 h", refreshMs: 10_000 },
  { id: "6h", label: "6 h", refreshMs: 30_000 },
  { id: "1d", label: "24 h", refreshMs: 60_000 },
  { id: "7d", label: "7 days", refreshMs: 60_000 },
  { id: "30d", label: "30 days", refreshMs: 60_000 },
];

/** `from` and `to` as the API takes them. */
export function boundsOf(range: Range): { readonly from: string; readonly to: string } {
  if (range.kind === "last") return { from: `-${range.id}`, to: "now" };
  const iso = (at: number) => new Date(at).toISOString();
  return { from: iso(range.from), to: iso(range.to) };
}

/** How often a range is read again; `null` for one that is over. */
export function refreshOf(range: Range): number | null {
  if (range.kind === "between") return null;
  return CHOICES.find(({ id }) => id === range.id)?.refreshMs ?? null;
}
