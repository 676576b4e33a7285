/** One parameter of a template, as its JSON Schema describes it. */
export interface Property {
  readonly name: string;
  readonly title: string;
  readonly type: string;
  readonly format?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly default?: unknown;
}

/** The parameters of a schema in the order of a form. */
export function propertiesOf(schema: unknown): readonly Property[] {
  const { properties = {} } = schema as {
    properties?: Record<string, Record<string, unknown>>;
  };
  const ordered = Object.entries(properties).toSorted(
    ([, a], [, b]) => Number(a["x-order"]) - Number(b["x-order"]),
  );
  return ordered.map(([name, property]) => ({ title: name, type: "string", ...property, name }));
}

/** What a field of a form shows before somebody writes into it. */
export function textOf({ type, default: value }: Property): string {
  if (value === undefined || value === null) return "";
  return type === "object" ? JSON.stringify(value) : String(value);
}

/** What was written into a field, as it is sent; undefined where it is left as it is. */
export function sent(property: Property, text: string): unknown {
  if (text === textOf(property)) return undefined;
  if (text.trim() === "" && property.type !== "string") return undefined;
  switch (property.type) {
    case "integer":
    case "number":
      return Number(text);
    case "boolean":
      return text === "true";
    case "object":
      return parsed(text);
    default:
      return property.format === "date-time" ? moment(text) : text;
  }
}

/** What is no JSON is sent as it is written: the server says what is wrong with it. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** A local time as a moment; undefined for none. */
function moment(text: string): string | undefined {
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : new Date(time).toISOString();
}
