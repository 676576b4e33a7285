/** The value of a layer's field in words. */
export function show(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (typeof value === "string") return `“${value}”`;
  return typeof value === "boolean" ? (value ? "on" : "off") : JSON.stringify(value);
}
