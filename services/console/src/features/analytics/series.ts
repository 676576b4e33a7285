/** A step as the API tells it: when it begins, then mean, lowest and highest value. */
export type Step = readonly (string | number | null)[];

/** What a chart is drawn from: times in seconds, then means, lowest and highest values. */
export type Columns = [
  times: number[],
  means: (number | null)[],
  lowest: (number | null)[],
  highest: (number | null)[],
];

/** A gap stays a gap: nothing is joined or filled in. */
export function columnsOf(steps: readonly Step[]): Columns {
  const columns: Columns = [[], [], [], []];
  for (const [at, mean, min, max] of steps) {
    columns[0].push(Date.parse(String(at)) / 1000);
    columns[1].push(numberOf(mean));
    columns[2].push(numberOf(min));
    columns[3].push(numberOf(max));
  }
  return columns;
}

function numberOf(value: Step[number] | undefined): number | null {
  return typeof value === "number" ? value : null;
}

export interface Extent {
  /** Mean of the steps that were measured. */
  readonly mean: number;
  readonly min: number;
  readonly max: number;
  /** Steps without a measurement. */
  readonly missing: number;
}

/** What all steps say together; `null` when nothing was measured. */
export function extentOf([, means, lowest, highest]: Columns): Extent | null {
  const known = means.filter((mean) => mean !== null);
  if (known.length === 0) return null;
  return {
    mean: known.reduce((sum, mean) => sum + mean, 0) / known.length,
    min: Math.min(...lowest.filter((value) => value !== null)),
    max: Math.max(...highest.filter((value) => value !== null)),
    missing: means.length - known.length,
  };
}

/** A number in about three figures. */
export function figureOf(value: number): string {
  const size = Math.abs(value);
  const digits = size < 10 ? 2 : size < 100 ? 1 : 0;
  return value.toLocaleString("en", { maximumFractionDigits: digits });
}
