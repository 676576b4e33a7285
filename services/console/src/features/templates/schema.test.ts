import { expect, test } from "vitest";
import { propertiesOf, sent, textOf } from "./schema.ts";

const SCHEMA = {
  type: "object",
  properties: {
    size: { type: "integer", minimum: 10, maximum: 60, default: 30, title: "Size", "x-order": 1 },
    content: { type: "object", default: { kind: "color" }, title: "Content", "x-order": 0 },
    to: { type: "string", format: "date-time", title: "Moment", "x-order": 2 },
    on: { type: "boolean", default: true, title: "On", "x-order": 3 },
    name: { type: "string", default: "a", title: "Name", "x-order": 4 },
  },
};

test("a form has the order of its schema", () => {
  const properties = propertiesOf(SCHEMA);
  expect(properties.map(({ name }) => name)).toEqual(["content", "size", "to", "on", "name"]);
  expect(properties.map(textOf)).toEqual(['{"kind":"color"}', "30", "", "true", "a"]);
});

test("what is left as it is is not sent, and the rest as its type", () => {
  const properties = propertiesOf(SCHEMA);
  expect(properties.map((property) => sent(property, textOf(property)))).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  const written = ['{"kind":"text"}', "40", "2030-01-02T03:04:05Z", "false", ""];
  expect(properties.map((property, place) => sent(property, written[place] ?? ""))).toEqual([
    { kind: "text" },
    40,
    "2030-01-02T03:04:05.000Z",
    false,
    "",
  ]);
});
