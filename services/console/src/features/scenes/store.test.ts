import createClient from "openapi-fetch";
import { expect, it } from "vitest";
import type { paths } from "../../api/types.gen.ts";
import type { EventMessage, EventType } from "../../api/types.ts";
import { ManualClock } from "../../clock.ts";
import { SceneStore } from "./store.ts";

function store() {
  const clock = new ManualClock();
  const fetch = async () => Response.json({ revision: 1, first: null, scenes: [] });
  const api = createClient<paths>({ baseUrl: "http://server.test", fetch });
  const scenes = new SceneStore(api, "main", clock);
  const tell = (event: EventType, data: unknown) =>
    scenes.event({ event, data } as unknown as EventMessage);
  const start = (number: number) =>
    tell("scene.take.started", {
      from: "a",
      take: { scene: "b", number, transition: { kind: "fade", duration_ms: 500 } },
    });
  return { clock, scenes, tell, start, coming: () => scenes.coming.get()?.number ?? null };
}

it("knows the take that is on its way until it has come", () => {
  const { tell, start, coming } = store();
  start(4);
  expect(coming()).toBe(4);
  start(5);
  tell("scene.taken", { number: 4, scene: "b", transition: {} });
  expect(coming()).toBe(5);
  tell("scene.taken", { number: 5, scene: "b", transition: {} });
  expect(coming()).toBeNull();
});

it("does not wait for ever to hear that it has come", async () => {
  const { clock, scenes, start, coming } = store();
  start(1);
  await clock.advance(2_000);
  expect(coming()).toBe(1);
  await clock.advance(600);
  expect(coming()).toBeNull();
  start(2);
  scenes.snapshot(null);
  expect(coming()).toBeNull();
});
