import createClient from "openapi-fetch";
import { expect, it } from "vitest";
import type { paths } from "../../api/types.gen.ts";
import type { EventMessage, EventType } from "../../api/types.ts";
import { group, textLayer } from "./samples.ts";
import { LayerStore } from "./store.ts";

const event = (type: EventType, data: EventMessage["data"]): EventMessage => ({
  channel: "layer-updates",
  stream: "main",
  offset: 1,
  time: "2030-01-01T00:00:00.000Z",
  event: type,
  data,
});

function storeWith(...ids: string[]): LayerStore {
  const fetch = async () => Response.error();
  const api = createClient<paths>({ baseUrl: "http://server.test", fetch });
  const store = new LayerStore(api, "main");
  const layers = ids.map((id) => textLayer(id, 5));
  const scene = {
    id: "scene-1",
    name: "Demo",
    revision: 5,
    updated_at: "2030-01-01T00:00:00.000Z",
  };
  store.snapshot({ scene, layers });
  return store;
}

const ids = (store: LayerStore) =>
  store.scene
    .get()
    ?.layers.map(({ id }) => id)
    .join("");

it("follows the events of the channel", () => {
  const store = storeWith("a", "b");
  const created = { layer: textLayer("c"), index: 1, scene_revision: 6 };
  store.event(event("layer.created", created));
  expect(ids(store)).toBe("acb");
  store.event(
    event("layer.reordered", { scene: "scene-1", order: ["c", "b", "a"], scene_revision: 7 }),
  );
  expect(ids(store)).toBe("cba");
  store.event(event("layer.deleted", { layer: "b", scene: "scene-1", scene_revision: 8 }));
  expect(ids(store)).toBe("ca");
  expect(store.scene.get()?.revision).toBe(8);
});

it("does not go back to an older version or order", () => {
  const store = storeWith("a", "b");
  const old = { layer: { ...textLayer("a", 4), name: "Old" }, changed: [], scene_revision: 4 };
  store.event(event("layer.updated", old));
  store.event(event("layer.reordered", { scene: "scene-1", order: ["b", "a"], scene_revision: 4 }));
  expect(store.layer("a")?.name).toBe("Title");
  expect(ids(store)).toBe("ab");
});

it("takes every event of a batch, which share one revision", () => {
  const store = storeWith("a", "b");
  store.event(event("layer.created", { layer: textLayer("c"), index: 2, scene_revision: 6 }));
  store.event(
    event("layer.reordered", { scene: "scene-1", order: ["c", "b", "a"], scene_revision: 6 }),
  );
  expect(ids(store)).toBe("cba");
});

it("keeps how a layer does in the picture when its fields change", () => {
  const store = storeWith("a");
  const status = { layer: "a", state: "failing", since: "2030-01-01T00:00:00.000Z" };
  store.event(event("layer.status.changed", status));
  const update = { layer: textLayer("a", 6), changed: [], scene_revision: 6 };
  store.event(event("layer.updated", update));
  expect(store.layer("a")?.status?.state).toBe("failing");
});

it("is not changed by what happens to other scenes", () => {
  const store = storeWith("a", "b");
  const other = { ...textLayer("c"), scene: "scene-2" };
  store.event(event("layer.created", { layer: other, index: 0, scene_revision: 9 }));
  const order = ["b", "a"];
  store.event(event("layer.reordered", { scene: "scene-2", order, scene_revision: 9 }));
  store.event(event("layer.deleted", { layer: "a", scene: "scene-2", scene_revision: 9 }));
  expect(ids(store)).toBe("ab");
  expect(store.scene.get()?.revision).toBe(5);
  const scene = { id: "scene-1", name: "Other", revision: 6, updated_at: "2030-01-01T00:00:00Z" };
  store.event(event("scene.updated", { scene, changed: ["/name"] }));
  expect(store.scene.get()?.name).toBe("Other");
});

it("takes groups as they come, change and go", () => {
  const store = new LayerStore(createClient<paths>(), "main");
  const scene = {
    id: "scene-1",
    name: "Main",
    revision: 1,
    updated_at: "2030-01-01T00:00:00.000Z",
  };
  store.snapshot({ scene, layers: [textLayer()], groups: [] });
  const told = (type: EventType, data: unknown) => store.event(event(type, data as never));
  told("group.created", { group: group("g"), scene_revision: 2 });
  told("group.updated", {
    group: { ...group("g", 3), opacity: 0.5 },
    changed: ["/opacity"],
    scene_revision: 3,
  });
  // An answer that was on its way for longer than the event.
  store.putGroup(group("g", 2));
  expect(store.group("g")?.opacity).toBe(0.5);
  told("group.created", { group: { ...group("h"), scene: "scene-2" }, scene_revision: 9 });
  told("group.deleted", { group: "g", scene: "scene-1", scene_revision: 4 });
  expect(store.scene.get()).toMatchObject({ revision: 4, groups: [] });
});

it("goes back to the scene when the draft that is shown has ended", async () => {
  const store = storeWith("a");
  await store.select("draft-1");
  const ended = { scene: "scene-1", draft: "draft-2", outcome: "applied", scene_revision: 6 };
  store.event(event("scene.draft.ended", ended));
  expect(store.selected.get()).toBe("draft-1");
  store.event(event("scene.draft.ended", { ...ended, draft: "draft-1" }));
  expect(store.selected.get()).toBe("scene-1");
});
