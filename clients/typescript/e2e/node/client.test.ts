import { afterEach, describe, expect, it } from "vitest";
import {
  anonymous,
  byHeader,
  byToken,
  type Channel,
  Client,
  type ClientOptions,
  type Codec,
  connect,
  jsonCodec,
  type LinkState,
  messagePackCodec,
  RequestError,
  type SubscriptionEvent,
} from "../../src/index.ts";
import { lifeOf } from "../../src/proof/token-life.ts";
import { Edge } from "../edge.ts";
import { System, unique } from "../system.ts";
import { pollUntil, until } from "../wait.ts";

const system = new System();
const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** A client with a diary of what it went through. */
function start(options: Partial<ClientOptions> = {}) {
  const client = new Client({
    url: system.webSocket,
    proof: byToken(() => system.token()),
    timing: { pingMs: 300, staleMs: 800, silentMs: 2_000 },
    ...options,
  });
  const states: LinkState[] = [];
  const seenAt: number[] = [];
  client.state.subscribe(() => {
    states.push(client.state.get());
    seenAt.push(Date.now());
  });
  cleanUps.push(() => client.close());
  client.start();
  const kinds = () => states.map(({ kind }) => kind);
  return {
    client,
    states,
    seenAt,
    live: (times = 1) =>
      until(
        "live",
        () =>
          client.state.get().kind === "live" &&
          kinds().filter((kind) => kind === "live").length >= times,
        kinds,
      ),
  };
}

function follow<C extends Channel>(client: Client, channel: C, options = {}) {
  const heard: SubscriptionEvent<C>[] = [];
  client.subscribe(channel, options, (event) => heard.push(event));
  return heard;
}

async function addLayer(name: string): Promise<void> {
  const id = await system.addLayer(name);
  cleanUps.push(() => system.deleteLayer(id));
}

/** The names of layers that were told of as new, in order. */
const created = (heard: SubscriptionEvent<"layer-updates">[]) =>
  heard.flatMap((event) => (event.type === "layer.created" ? [event.data.layer.name] : []));

describe("events", () => {
  it("begin with the value, and follow it", async () => {
    const client = connect({ url: system.webSocket, proof: byToken(await system.token()) });
    cleanUps.push(() => client.close());
    const chat = follow(client, "chat");
    const layers = follow(client, "layer-updates");
    const state = follow(client, "stream-state");
    await until("snapshots", () => chat[0] && layers[0] && state[0]);
    for (const first of [chat[0], layers[0], state[0]]) {
      expect(first).toMatchObject({ type: "snapshot", first: true });
    }
    const text = unique("Good evening");
    await client.publish("chat", text);
    const posted = await until("posted", () =>
      chat.find(({ type }) => type === "chat.message.posted"),
    );
    expect(posted).toMatchObject({ data: { text }, stream: "main", channel: "chat" });
    const name = unique("colour");
    await addLayer(name);
    await until("created", () => created(layers).includes(name));
  });

  it.each([
    ["JSON", jsonCodec, true],
    ["JSON, as it is", jsonCodec, false],
    ["MessagePack", messagePackCodec, true],
    ["MessagePack, as it is", messagePackCodec, false],
  ])("are the same in %s", async (_, codec, deflates) => {
    const plain = start({ inflate: null });
    const { client } = start({ codec, ...(!deflates && { inflate: null }) });
    const [expected, heard] = [plain.client, client].map((each) => follow(each, "layer-updates"));
    const told = await until("snapshots", () => expected?.[0] && heard?.[0] && [expected, heard]);
    expect(told[1]?.[0]).toEqual(told[0]?.[0]);
    const name = unique("the same");
    await addLayer(name);
    const created = (events: SubscriptionEvent<"layer-updates">[] | undefined) =>
      events?.find((event) => event.type === "layer.created" && event.data.layer.name === name);
    const both = await until("created", () => {
      const pair = [created(expected), created(heard)];
      return pair[0] && pair[1] && pair;
    });
    expect(both[1]).toEqual(both[0]);
    // The demo's scene is larger than what goes as it is.
    expect(client.figures.get().inflated > 0).toBe(deflates);
    expect(client.figures.get().unreadable).toBe(0);
    const text = unique("kept");
    await client.publish("chat", text);
  });

  it("are what the server says of the stream's figures", async () => {
    const { client } = start();
    const metrics = follow(client, "metrics");
    const sampled = await until("sampled", () =>
      metrics.find((event) => event.type === "stream.metrics.sampled"),
    );
    expect(sampled.type === "stream.metrics.sampled" && sampled.data.viewers.current).toBeTypeOf(
      "number",
    );
  });

  it("say when the server's history does not reach back to a kept position", async () => {
    const { client } = start();
    const since = { epoch: "gone", offset: 3 };
    const heard = follow(client, "layer-updates", { since });
    await until("a snapshot", () => heard[0]);
    expect(heard[0]).toMatchObject({ type: "snapshot", first: false });
  });

  it("go on after a kept position", async () => {
    const first = start();
    const before = follow(first.client, "layer-updates");
    const snapshot = await until("a snapshot", () => before[0]);
    first.client.close();
    const name = unique("between");
    await addLayer(name);
    const since = "position" in snapshot ? snapshot.position : null;
    const { client } = start();
    const after = follow(client, "layer-updates", { since });
    await until(
      "the missed event",
      () => created(after).includes(name),
      () => after,
    );
    expect(after[0]?.type).toBe("resumed");
  });
});

describe("proof", () => {
  it("goes into the handshake, where that can be", async () => {
    const { client, live } = start({ proof: byHeader(() => system.token()) });
    await live();
    await client.publish("chat", unique("By header"));
  });

  it("that is none is refused with the server's words", async () => {
    const { client } = start({ proof: byToken("none") });
    const state = await until("refused", () => {
      const now = client.state.get();
      return now.kind === "refused" ? now : null;
    });
    expect(state).toMatchObject({ because: "sign-in" });
    expect(state.reason).not.toBe("");
  });

  it("is renewed in place, so that a connection outlives its first token", async () => {
    const tokens: string[] = [];
    const { client, live, states } = start({
      proof: byToken(async () => {
        tokens.push((await system.signIn()).access_token);
        return tokens.at(-1) ?? "";
      }),
    });
    const heard = follow(client, "chat");
    await live();
    const session = client.session.get();
    const over = (lifeOf(tokens[0] ?? "")?.endsAt ?? 0) + 1_000;
    await until("past the end of the first token", () => Date.now() > over);
    const text = unique("Still here");
    await client.publish("chat", text);
    await until("heard", () =>
      heard.some((event) => "data" in event && JSON.stringify(event.data).includes(text)),
    );
    expect(client.session.get()).toBe(session);
    expect(tokens.length).toBeGreaterThan(1);
    expect(states.map(({ kind }) => kind)).toEqual(["connecting", "live"]);
  });

  it("that is never renewed ends the connection, and the next one is refused", async () => {
    const { client, live } = start({ proof: byToken((await system.signIn()).access_token) });
    await live();
    const state = await until("refused", () => {
      const now = client.state.get();
      return now.kind === "refused" ? now : null;
    });
    expect(state).toMatchObject({ because: "sign-in" });
  });

  it("decides about a channel", async () => {
    const { client } = start({ proof: { admit: async () => ({}) } });
    const heard = follow(client, "metrics");
    expect(await until("refused", () => heard[0])).toMatchObject({
      type: "refused",
      code: "auth.token.missing",
      retryAt: null,
    });
  });
});

describe("coming back", () => {
  it("waits as long as the goodbye of a server says that is replaced, and misses nothing", async () => {
    const goodbyes: { heardAt: number; comeBackMs: number }[] = [];
    const codec: Codec = {
      ...jsonCodec,
      decode: async (frame) => {
        const message = await jsonCodec.decode(frame);
        if (message?.type === "goodbye") {
          goodbyes.push({ heardAt: Date.now(), comeBackMs: message.reconnect_after_ms });
        }
        return message;
      },
    };
    const { client, live, states, seenAt } = start({ codec });
    const layers = follow(client, "layer-updates");
    await live();
    await until("a snapshot", () => layers[0]);
    system.signal("ws-fanout-1", "SIGTERM");
    const first = await until("waiting", () => states.find((state) => state.kind === "waiting"));
    const name = unique("while away");
    await addLayer(name);
    await live(2);
    await until(
      "the missed event",
      () => created(layers).includes(name),
      () => layers,
    );
    expect(created(layers).filter((seen) => seen === name)).toHaveLength(1);
    expect(layers.filter(({ type }) => type === "snapshot")).toHaveLength(1);

    const { heardAt, comeBackMs } = await until("a goodbye", () => goodbyes[0]);
    const at = states.indexOf(first);
    const retryAt = first.kind === "waiting" ? first.retryAt : 0;
    // The wait begins when the connection ends: after the goodbye, before the state was seen.
    expect(retryAt).toBeGreaterThanOrEqual(heardAt + comeBackMs);
    expect(retryAt).toBeLessThanOrEqual((seenAt[at] ?? 0) + comeBackMs);
    expect(seenAt[at + 1]).toBeGreaterThanOrEqual(retryAt);
  });

  it("goes on after a server that was killed", async () => {
    const { client, live } = start();
    const layers = follow(client, "layer-updates");
    await live();
    await until("a snapshot", () => layers[0]);
    system.signal("ws-fanout-1", "SIGKILL");
    await live(2);
    const name = unique("after a kill");
    await addLayer(name);
    await until(
      "the event",
      () => created(layers).includes(name),
      () => layers,
    );
  });

  it("notices a connection on which nothing arrives any more", async () => {
    const edge = await Edge.start(system.url);
    cleanUps.push(() => edge.stop());
    const { client, live, states } = start({ url: edge.webSocket });
    const layers = follow(client, "layer-updates");
    await live();
    await until("a snapshot", () => layers[0]);
    edge.silence();
    await until("stale", () => states.some(({ kind }) => kind === "stale"));
    const name = unique("unheard");
    await addLayer(name);
    await until("given up", () => states.some(({ kind }) => kind === "waiting"));
    edge.speak();
    client.retryNow();
    await live(2);
    await until(
      "the missed event",
      () => created(layers).includes(name),
      () => layers,
    );
    expect(layers.filter(({ type }) => type === "snapshot")).toHaveLength(1);
  });

  it("tells when the server itself hears nothing, and begins anew when history was lost", async () => {
    const { client, live, states } = start();
    const layers = follow(client, "layer-updates");
    await live();
    await until("a snapshot", () => layers[0]);
    system.signal("redis-1", "SIGKILL");
    await until(
      "deaf",
      () => states.some((state) => state.kind === "live" && !state.hearsEvents),
      () => states,
    );
    await until("hearing again", () => {
      const state = client.state.get();
      return state.kind === "live" && state.hearsEvents;
    });
    const name = unique("new history");
    await addLayer(name);
    const fresh = await until(
      "a snapshot of the new history",
      () => layers.filter(({ type }) => type === "snapshot")[1],
      () => [layers.map(({ type }) => type), states],
    );
    expect(fresh).toMatchObject({ first: false });
    expect(JSON.stringify(fresh) + JSON.stringify(created(layers))).toContain(name);
  });
});

it("says who watches, with names for those who may moderate", async () => {
  const { client, live } = start();
  await live();
  follow(client, "metrics");
  const { username } = system.credentials;
  const present = await pollUntil("counted", async () => {
    const now = await client.presence("metrics");
    return now.connections > 0 && now;
  });
  expect(present.people).toEqual([expect.objectContaining({ name: username, role: "admin" })]);
  const nobody = start({ proof: anonymous });
  await nobody.live();
  await expect(nobody.client.presence("chat")).rejects.toMatchObject({
    code: "auth.token.missing",
  });
});

it("says why a message is refused, and when to try again", async () => {
  const { client, live } = start();
  await live();
  const outcomes = await Promise.allSettled(
    Array.from({ length: 24 }, (_, number) => client.publish("chat", unique(`Flood ${number}`))),
  );
  const refused = outcomes.flatMap((outcome) =>
    outcome.status === "rejected" ? [outcome.reason] : [],
  );
  expect(refused.length).toBeGreaterThan(0);
  for (const error of refused) {
    expect(error).toBeInstanceOf(RequestError);
    expect(error).toMatchObject({ code: "rate.limited" });
    expect(error.retryAfterMs).toBeGreaterThan(0);
  }
  expect(await client.ping()).toBeGreaterThanOrEqual(0);
  // What a person has spent is spent on every connection: those who write next wait for it here.
  await pollUntil("accepted again", () =>
    client.publish("chat", unique("Later")).then(
      () => true,
      () => false,
    ),
  );
});
