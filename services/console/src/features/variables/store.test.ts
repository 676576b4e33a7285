import createClient from "openapi-fetch";
import { expect, test } from "vitest";
import type { paths } from "../../api/types.gen.ts";
import { readValue, rewritten, VariableStore } from "./store.ts";

test("a new value is a number where it is one", () => {
  expect(["3", " -2.5 ", "true", "1st", "", "Infinity"].map(readValue)).toEqual([
    3,
    -2.5,
    true,
    "1st",
    "",
    "Infinity",
  ]);
});

test("a value that is written over keeps its type", () => {
  expect(rewritten("1st", "2")).toBe("2");
  expect(rewritten(1, "2")).toBe(2);
  expect(rewritten(1, "two")).toBeNull();
  expect(rewritten(true, "false")).toBe(false);
});

test("events and answers are taken in the order of their revisions", async () => {
  const asked: unknown[] = [];
  const fetch = async (request: Request) => {
    asked.push(await request.json());
    return Response.json({ revision: 2, values: { home: 1 } });
  };
  const api = createClient<paths>({ baseUrl: "http://server.test", fetch });
  const store = new VariableStore(api, "main");
  const told = (revision: number, home: number) =>
    store.event({
      event: "variables.changed",
      data: { changed: ["home"], variables: { revision, values: { home } } },
    } as never);
  told(3, 2);
  expect(await store.set("home", 1)).toBe(true);
  expect(asked).toEqual([{ values: { home: 1 } }]);
  expect(store.variables.get()?.values).toEqual({ home: 2 });
  told(4, 3);
  expect(store.variables.get()?.values).toEqual({ home: 3 });
});
