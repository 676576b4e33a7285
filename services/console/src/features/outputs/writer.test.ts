import createClient from "openapi-fetch";
import { describe, expect, it } from "vitest";
import type { paths } from "../../api/types.gen.ts";
import { FakeServer, rtmpOutput } from "./samples.ts";
import { OutputStore } from "./store.ts";
import { OutputWriter } from "./writer.ts";

async function scene() {
  const server = new FakeServer();
  const api = createClient<paths>({ baseUrl: "http://server.test", fetch: server.fetch });
  const store = new OutputStore(api, "main");
  await store.load();
  server.requests.length = 0;
  return { server, store, writer: new OutputWriter(api, store, "main") };
}

describe("a command to an output", () => {
  it("is sent once however often it is clicked, and its answer is taken", async () => {
    const { server, store, writer } = await scene();
    const first = writer.steer("out-a", "restart");
    await Promise.all([first, writer.steer("out-a", "stop")]);
    expect(server.asked).toEqual(["POST /api/stream/outputs/out-a/restart"]);
    expect(store.output("out-a")?.revision).toBe(4);
    expect(writer.busy.get().size).toBe(0);
  });

  it("is explained at its output when it is refused, until the next one", async () => {
    const { server, writer } = await scene();
    server.refusals.push({ status: 409, code: "output.stopped" });
    await writer.steer("out-a", "restart");
    expect(writer.failures.get().get("out-a")?.code).toBe("output.stopped");
    await writer.steer("out-a", "start");
    expect(writer.failures.get().size).toBe(0);
  });

  it("forgets an output that is gone", async () => {
    const { server, store, writer } = await scene();
    server.refusals.push({ status: 404 });
    server.outputs = [];
    await writer.steer("out-a", "start");
    expect(store.outputs.get()).toEqual([]);
  });
});

it.each([
  [true, "record-start"],
  [false, "record-stop"],
] as const)("recording %s is the command %s", async (on, action) => {
  const { server, writer } = await scene();
  await writer.record(on);
  expect(server.asked).toEqual(["POST /api/stream/control", "GET /api/stream/outputs"]);
  expect(server.bodies).toEqual([{ action, stream: "main" }]);
});

describe("a new output", () => {
  const body = { name: "New", kind: "rtmp", target: { url: "rtmp://a.example/app" } } as const;
  const key = (request: Request | undefined) => request?.headers.get("Idempotency-Key");

  it("keeps its key when it is asked for again, and is another one when it is changed", async () => {
    const { server, writer } = await scene();
    server.refusals.push({ status: 503 }, { status: 503 });
    expect((await writer.create(body))?.status).toBe(503);
    expect((await writer.create({ ...body }))?.status).toBe(503);
    expect(await writer.create({ ...body, name: "Other" })).toBeNull();
    const [first, second, third] = server.requests;
    expect(key(first)).toMatch(/^[0-9a-f]{32}$/);
    expect(key(second)).toBe(key(first));
    expect(key(third)).not.toBe(key(first));
  });

  it("is added a second time when it is asked for after the first was answered", async () => {
    const { server, writer } = await scene();
    await writer.create(body);
    await writer.create(body);
    expect(key(server.requests[1])).not.toBe(key(server.requests[0]));
  });
});

describe("a change of what was seen", () => {
  it("names the revision it was made on", async () => {
    const { server, store, writer } = await scene();
    expect(await writer.update(rtmpOutput(), { name: "Other" })).toBeNull();
    expect(server.requests[0]?.headers.get("If-Match")).toBe('"3"');
    expect(store.output("out-a")?.revision).toBe(4);
  });

  it("brings the newer version when there is one", async () => {
    const { server, store, writer } = await scene();
    server.refusals.push({ status: 412 });
    server.outputs = [rtmpOutput({ revision: 5, name: "Theirs" })];
    expect((await writer.update(rtmpOutput(), { name: "Mine" }))?.status).toBe(412);
    expect(store.output("out-a")?.name).toBe("Theirs");
  });

  it("deletes, also what is gone already", async () => {
    const { server, store, writer } = await scene();
    server.refusals.push({ status: 404 });
    expect(await writer.remove(rtmpOutput())).toBeNull();
    expect(server.requests[0]?.headers.get("If-Match")).toBe('"3"');
    expect(store.output("out-a")).toBeUndefined();
  });
});
