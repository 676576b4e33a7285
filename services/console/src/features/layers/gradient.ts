import type { GradientStop } from "../../api/types.ts";

export const STOPS_MIN = 2;
export const STOPS_MAX = 16;

type Stops = readonly GradientStop[];

export function withStop(stops: Stops, index: number, change: Partial<GradientStop>): Stops {
  return stops.map((stop, at) => (at === index ? { ...stop, ...change } : stop));
}

export function withoutStop(stops: Stops, index: number): Stops {
  return stops.toSpliced(index, 1);
}

/** One more stop, in the middle of the widest gap and in the colour before it. */
export function withOneMore(stops: Stops): Stops {
  const gaps = stops.slice(1).map((stop, index) => stop.offset - (stops[index]?.offset ?? 0));
  const before = gaps.indexOf(Math.max(...gaps));
  const stop = stops[before];
  if (!stop) return stops;
  const offset = stop.offset + Math.floor((gaps[before] ?? 0) / 2);
  return stops.toSpliced(before + 1, 0, { ...stop, offset });
}

/** Where a stop may be: between its neighbours, so that their order holds. */
export function boundsOf(stops: Stops, index: number): readonly [number, number] {
  return [stops[index - 1]?.offset ?? 0, stops[index + 1]?.offset ?? 100];
}
