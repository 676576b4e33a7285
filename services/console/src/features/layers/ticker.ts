import type { TickerSource } from "../../api/types.ts";
import type { Patch } from "./patch.ts";

/** The texts of a ticker, one a line. */
export function linesOf({ text, items }: TickerSource): string {
  return text ?? items?.join("\n") ?? "";
}

/** The change that makes these lines the ticker's texts; `null` when there are none. */
export function linesPatch(lines: string): Patch | null {
  const items = lines
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const [first] = items;
  if (first === undefined) return null;
  return items.length === 1 ? { text: first, items: null } : { text: null, items };
}
