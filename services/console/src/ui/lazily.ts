import { type ComponentType, lazy } from "react";

/** A component that is fetched when it is first shown: what everybody loads first stays small. */
export function lazily<Props extends object>(load: () => Promise<ComponentType<Props>>) {
  return lazy(async () => ({ default: await load() }));
}
