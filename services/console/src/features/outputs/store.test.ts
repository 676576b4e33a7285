import createClient from "openapi-fetch";
import { describe, expect, it } from "vitest";
import type { paths } from "../../api/types.gen.ts";
import type { StreamState } from "../../api/types.ts";
import { Observable } from "../../observable.ts";
import { FakeServer, outputState, rtmpOutput, stateWith } from "./samples.ts";
import { figuresOf, OutputStore, observedOf } from "./store.ts";

function scene() {
  const server = new FakeServer();
  const api = createClient<paths>({ baseUrl: "http://server.test", fetch: server.fetch });
  return { server, store: new OutputStore(api, "main") };
}

const ids = (store: OutputStore) => store.outputs.get()?.map(({ id }) => id);

describe("the list", () => {
  it("is fetched when something else is wanted, and not when only the state moves", async () => {
    const { server, store } = scene();
    const state = new Observable<StreamState | null>(null);
    store.follow(state);
    expect(server.requests).toHaveLength(0);
    state.set(stateWith([outputState()], 7));
    await store.load();
    const before = server.requests.length;
    state.set(stateWith([outputState({ status: "reconnecting" })], 7));
    expect(server.requests).toHaveLength(before);
    state.set(stateWith([outputState()], 8));
    await expect.poll(() => server.requests.length).toBe(before + 1);
    expect(ids(store)).toEqual(["hls", "out-a"]);
  });

  it("is asked for once more when it was asked for meanwhile, however often", async () => {
    const { server, store } = scene();
    await Promise.all([store.load(), store.load(), store.load()]);
    expect(server.requests).toHaveLength(2);
    await store.load();
    expect(server.requests).toHaveLength(3);
  });

  it("does not go back to an older version", async () => {
    const { store } = scene();
    store.put(rtmpOutput({ revision: 9, name: "New" }));
    await store.load();
    expect(store.output("out-a")?.name).toBe("New");
    store.put(rtmpOutput({ revision: 8, name: "Old" }));
    expect(store.output("out-a")?.name).toBe("New");
  });

  it("says why it could not be fetched, and keeps what it has", async () => {
    const { server, store } = scene();
    await store.load();
    server.fetch = () => Promise.reject(new TypeError("gone"));
    const offline = createClient<paths>({ baseUrl: "http://server.test", fetch: server.fetch });
    const lost = new OutputStore(offline, "main");
    lost.put(rtmpOutput());
    await lost.load();
    expect(lost.failure.get()?.code).toBe("network");
    expect(ids(lost)).toEqual(["out-a"]);
  });
});

describe("how an output does", () => {
  const measured = rtmpOutput({ observed: outputState({ bitrate_kbps: 2_500 }) });

  it("is what the state says, and what the list said before there was one", () => {
    expect(observedOf(measured, null)?.status).toBe("live");
    const failed = outputState({ status: "failed" });
    expect(observedOf(measured, stateWith([failed]))?.status).toBe("failed");
    expect(observedOf(measured, stateWith([]))).toBeNull();
  });

  it("has figures of the same time only", () => {
    expect(figuresOf(measured, outputState())?.bitrate_kbps).toBe(2_500);
    expect(figuresOf(measured, outputState({ status: "reconnecting" }))).toBeNull();
    expect(figuresOf(measured, outputState({ since: "2030-01-01T00:01:00.000Z" }))).toBeNull();
    expect(figuresOf(rtmpOutput(), outputState())).toBeNull();
  });
});
