import { deflateSync } from "node:zlib";
import { describe, expect, it, vi } from "vitest";
import { eventOf } from "../test-kit/fake-socket.ts";
import { liveScene, scene, welcomedScene } from "../test-kit/scene.ts";
import { inflateStream } from "./edge/inflate.ts";
import { ConnectionLostError, NotConnectedError, ProofError, RequestError } from "./errors.ts";
import { byTicket } from "./proof/proof.ts";
import type { Codec } from "./protocol/codec.ts";
import { jsonCodec } from "./protocol/json-codec.ts";

describe("reading by position", () => {
  it("takes the snapshot, then the events after it", async () => {
    const { socket, heard, client } = await liveScene();
    expect(client.state.get()).toEqual({ kind: "live", hearsEvents: true });
    socket().tells("chat", 6);
    const events = [eventOf("chat", 7), eventOf("chat", 8)];
    socket().says({ type: "batch", events });
    expect(heard).toEqual([{ snapshot: ["old"] }, 6, 7, 8]);
  });

  it("comes back with its position and hears what it missed, once", async () => {
    const { clock, socket, heard } = await liveScene();
    socket().tells("chat", 6);
    socket().ends(1001);
    await clock.advance(250);
    socket().welcomes();
    expect(socket().subscriptions("chat")[0]?.since).toEqual({ epoch: "a", offset: 6 });
    socket().subscribes("chat", { epoch: "a", offset: 6 });
    socket().tells("chat", 7);
    expect(heard).toEqual([{ snapshot: ["old"] }, 6, "resumed", 7]);
  });

  it("asks again for a subscription that is not answered, and passes over the late answer", async () => {
    const { clock, client, heard, socket } = scene(["chat"]);
    client.start();
    await clock.advance(0);
    socket().welcomes();
    const [first] = socket().subscriptions("chat");
    for (let second = 0; second < 5; second += 1) {
      await clock.advance(1_000);
      socket().says({ type: "pong", id: 0 });
    }
    expect(socket().subscriptions("chat")).toHaveLength(2);
    socket().subscribes("chat", { epoch: "a", offset: 5, snapshot: ["new"] });
    const late = { epoch: "a", offset: 4, recovered: false, snapshot: ["late"] };
    socket().says({ type: "subscribed", id: first?.id, channel: "chat", stream: "main", ...late });
    expect(heard).toEqual([{ snapshot: ["new"] }]);
  });

  it("says when events may have been missed, so that the caller begins anew", async () => {
    const { clock, socket, client } = await welcomedScene();
    const snapshots: unknown[] = [];
    client.subscribe("chat", {}, (event) => {
      if (event.type === "snapshot") snapshots.push([event.value, event.first]);
    });
    socket().subscribes("chat", { epoch: "a", offset: 5, snapshot: ["old"] });
    socket().ends(1001);
    await clock.advance(250);
    socket().welcomes();
    socket().subscribes("chat", { epoch: "b", offset: 0, snapshot: [] });
    expect(snapshots).toEqual([
      [["old"], true],
      [[], false],
    ]);
  });

  it("takes what the server gives everybody when it cannot close a gap itself", async () => {
    const { socket, heard } = await liveScene();
    const answer = { recovered: false, epoch: "b", offset: 9, snapshot: ["new"] };
    socket().says({ type: "subscribed", id: 0, channel: "chat", stream: "main", ...answer });
    socket().tells("chat", 10);
    expect(heard).toEqual([{ snapshot: ["old"] }, { snapshot: ["new"] }, 10]);
  });

  it("does not flood the server when a gap cannot be closed", async () => {
    const { clock, socket } = await liveScene();
    for (let round = 0; round < 5; round++) {
      socket().tells("chat", 9);
      socket().subscribes("chat", { epoch: "a", offset: 5 });
    }
    expect(socket().subscriptions("chat")).toHaveLength(2);
    await clock.advance(1_000);
    expect(socket().subscriptions("chat")).toHaveLength(3);
  });

  it("asks again for a channel that was refused for now", async () => {
    const { clock, socket, heard } = await welcomedScene(["chat"]);
    socket().refuses("subscribe", "busy", 400);
    expect(heard).toEqual(["refused"]);
    await clock.advance(400);
    expect(socket().subscriptions("chat")).toHaveLength(2);
  });

  it("does not insist on a channel that the role does not carry, until the role changes", async () => {
    const { clock, client, socket } = await welcomedScene(["chat"]);
    socket().refuses("subscribe", "auth.role.insufficient");
    await clock.advance(1_000);
    socket().says({ type: "pong", id: 0 });
    await clock.advance(5_500);
    expect(socket().subscriptions("chat")).toHaveLength(1);
    client.renew("of an operator");
    socket().acks("auth");
    await clock.advance(0);
    expect(socket().subscriptions("chat")).toHaveLength(2);
  });

  it("asks for everything again when a new role ends something, and nobody says what", async () => {
    const { socket } = await liveScene();
    socket().says({ type: "error", code: "auth.role.insufficient", detail: "no more" });
    expect(socket().subscriptions("chat").at(-1)?.since).toEqual({ epoch: "a", offset: 5 });
  });

  it("goes on from a position that was kept from before", async () => {
    const { client, socket } = await welcomedScene();
    const since = { epoch: "a", offset: 17 };
    const subscription = client.subscribe("layer-updates", { stream: "main", since }, () => {});
    expect(socket().subscriptions("layer-updates")[0]?.since).toEqual(since);
    socket().subscribes("layer-updates", { epoch: "a", offset: 17 });
    socket().tells("layer-updates", 18);
    expect(subscription.position).toEqual({ epoch: "a", offset: 18 });
  });

  it("gives whoever joins a channel a snapshot, on the one subscription that the server knows", async () => {
    const { client, socket, heard } = await liveScene();
    const joined: unknown[] = [];
    const second = client.subscribe("chat", {}, (event) => {
      joined.push(event.type === "snapshot" ? { first: event.first } : event.type);
    });
    expect(socket().subscriptions("chat").at(-1)).not.toHaveProperty("since");
    socket().subscribes("chat", { epoch: "a", offset: 5, snapshot: ["new"] });
    socket().tells("chat", 6);
    expect(joined).toEqual([{ first: true }, "chat.message.posted"]);
    expect(heard).toEqual([{ snapshot: ["old"] }, { snapshot: ["new"] }, 6]);
    second.end();
    expect(socket().heard("unsubscribe")).toEqual([]);
  });

  it("asks for a sample of the chat, of which offsets may skip, where that is wanted", async () => {
    const { client, socket, heard } = await welcomedScene(["chat", "layer-updates"], {
      sampleChat: true,
    });
    expect(socket().subscriptions("chat").at(-1)).toHaveProperty("sample", true);
    expect(socket().subscriptions("layer-updates").at(-1)).not.toHaveProperty("sample");
    socket().subscribes("chat", { epoch: "a", offset: 5, snapshot: [] });
    socket().tells("chat", 6);
    socket().tells("chat", 40);
    expect(heard).toEqual([{ snapshot: [] }, 6, 40]);
    expect(client.figures.get().gaps).toBe(0);
    const plain = await liveScene();
    expect(plain.socket().subscriptions("chat").at(-1)).not.toHaveProperty("sample");
  });

  it("ends a subscription with its last listener", async () => {
    const { client, socket } = await welcomedScene();
    const told: string[] = [];
    const subscription = client.subscribe("chat", {}, (event) => told.push(event.type));
    socket().subscribes("chat", { epoch: "a", offset: 5, snapshot: [] });
    subscription.end();
    subscription.end();
    socket().tells("chat", 6);
    expect(socket().heard("unsubscribe")).toHaveLength(1);
    expect(told).toEqual(["snapshot"]);
  });

  it("passes events of a newer server on as unknown", async () => {
    const { client, socket } = await welcomedScene();
    const told: unknown[] = [];
    client.subscribe("chat", {}, (event) => {
      if (event.type === "unknown") told.push(event.event, event.data);
    });
    socket().subscribes("chat", { epoch: "a", offset: 5, snapshot: [] });
    socket().says({ type: "event", ...eventOf("chat", 6), event: "chat.message.pinned" });
    expect(told).toEqual(["chat.message.pinned", 6]);
  });
});

describe("coming back", () => {
  it("waits longer each time, up to ten seconds", async () => {
    const { clock, client, sockets, socket } = scene();
    client.start();
    await clock.advance(0);
    const waits: number[] = [];
    for (let round = 0; round < 8; round++) {
      socket().ends(1006);
      const state = client.state.get();
      if (state.kind !== "waiting") throw new Error(`unexpected ${state.kind}`);
      waits.push(state.retryAt - clock.now());
      await clock.advance(waits.at(-1) ?? 0);
    }
    expect(waits).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
    expect(sockets).toHaveLength(9);
    expect(client.figures.get().failedTries).toBe(8);
  });

  it("starts over with short waits after a connection that held, but not after one that did not", async () => {
    const { clock, client, socket } = scene();
    client.start();
    await clock.advance(0);
    const waitAfterEnd = () => {
      socket().ends(1006);
      const state = client.state.get();
      return state.kind === "waiting" ? state.retryAt - clock.now() : null;
    };
    socket().welcomes();
    expect(waitAfterEnd()).toBe(250);
    await clock.advance(250);
    socket().welcomes();
    expect(waitAfterEnd()).toBe(500);
    await clock.advance(500);
    socket().welcomes();
    await clock.advance(1_900);
    socket().says({ type: "pong", id: 1 });
    await clock.advance(200);
    expect(waitAfterEnd()).toBe(250);
  });

  it("tries at once when asked to, and when the network is back", async () => {
    const { clock, client, sockets, socket, signal } = scene();
    client.start();
    await clock.advance(0);
    for (let round = 0; round < 6; round++) {
      socket().ends(1006);
      await clock.advance(10_000);
    }
    socket().ends(1006);
    const before = sockets.length;
    client.retryNow();
    await clock.advance(0);
    expect(sockets).toHaveLength(before + 1);
    socket().ends(1006);
    signal("network-lost");
    expect(client.state.get().kind).toBe("offline");
    signal("network-returned");
    await clock.advance(0);
    expect(sockets).toHaveLength(before + 2);
  });

  it("comes back when the goodbye said, not earlier", async () => {
    const { clock, client, sockets, socket, signal } = await liveScene();
    socket().says({ type: "goodbye", reason: "drain", reconnect_after_ms: 1_700 });
    socket().ends(1001);
    expect(client.state.get()).toEqual({ kind: "waiting", retryAt: clock.now() + 1_700 });
    await clock.advance(1_699);
    signal("shown");
    signal("network-returned");
    expect(sockets).toHaveLength(1);
    await clock.advance(1);
    expect(sockets).toHaveLength(2);
  });

  it("stays away after a terminal close code, and says why", async () => {
    const { clock, client, sockets, socket } = await liveScene();
    socket().ends(4501, "too many messages");
    const reason = "too many messages";
    expect(client.state.get()).toEqual({ kind: "refused", because: "server", code: 4501, reason });
    await clock.advance(60_000);
    expect(sockets).toHaveLength(1);
  });

  it("asks for a sign-in when no ticket is given, and goes on after one", async () => {
    let mayEnter = false;
    const proof = byTicket(async () => {
      if (!mayEnter) throw new ProofError("not signed in", { signInNeeded: true });
      return "t-1";
    });
    const { clock, client, sockets } = scene([], { proof });
    client.start();
    await clock.advance(0);
    expect(client.state.get()).toMatchObject({ kind: "refused", because: "sign-in" });
    mayEnter = true;
    client.renew("new");
    await clock.advance(0);
    expect(sockets[0]?.target.url.search).toBe("?ticket=t-1");
  });

  it("waits as long as the refusal of a ticket says", async () => {
    const proof = byTicket(() => Promise.reject(new ProofError("busy", { retryAfterMs: 7_000 })));
    const { clock, client } = scene([], { proof });
    client.start();
    await clock.advance(0);
    expect(client.state.get()).toEqual({ kind: "waiting", retryAt: clock.now() + 7_000 });
  });

  it("hears nothing from a socket that it gave up", async () => {
    const { clock, client, heard, sockets, socket } = await liveScene();
    const old = socket();
    client.retryNow();
    expect(client.state.get().kind).toBe("live");
    old.ends(1001);
    await clock.advance(250);
    old.tells("chat", 6);
    expect(old.closed).toBe(true);
    expect(sockets).toHaveLength(2);
    expect(heard).toEqual([{ snapshot: ["old"] }]);
  });

  it("opens no socket for a ticket that comes after it was closed", async () => {
    let hand: (ticket: string) => void = () => {};
    const proof = byTicket(
      () =>
        new Promise((resolve) => {
          hand = resolve;
        }),
    );
    const { clock, client, sockets } = scene([], { proof });
    client.start();
    client.close();
    hand("late");
    await clock.advance(0);
    expect(sockets).toEqual([]);
    expect(clock.timersSet).toBe(0);
  });

  it("gives up on a server that opens and says nothing", async () => {
    const { clock, client } = scene();
    client.start();
    await clock.advance(10_000);
    expect(client.state.get().kind).toBe("waiting");
    expect(client.figures.get().failedTries).toBe(1);
  });
});

describe("the state of the link", () => {
  it("is stale after two silent seconds, and closed after six", async () => {
    const { clock, client, socket, sockets } = await liveScene();
    const heardAt = clock.now();
    await clock.advance(2_000);
    expect(client.state.get()).toEqual({ kind: "stale", since: heardAt });
    socket().says({ type: "pong", id: 1 });
    expect(client.state.get().kind).toBe("live");
    await clock.advance(6_000);
    expect(client.state.get().kind).toBe("waiting");
    await clock.advance(250);
    expect(sockets).toHaveLength(2);
  });

  it("pings once a second and measures the answer", async () => {
    const { clock, client, socket } = await liveScene();
    await clock.advance(1_000);
    expect(socket().heard("ping")).toHaveLength(1);
    await clock.advance(40);
    socket().says({ type: "pong", id: 9 });
    expect(client.figures.get().roundTripMs).toBe(40);
  });

  it("shows when the server hears no events", async () => {
    const { client, socket } = await liveScene();
    socket().says({ type: "link", live: false });
    expect(client.state.get()).toEqual({ kind: "live", hearsEvents: false });
    socket().says({ type: "link", live: true });
    expect(client.state.get()).toEqual({ kind: "live", hearsEvents: true });
  });

  it("counts frames that are no message and goes on", async () => {
    const { client, socket, heard } = await liveScene();
    const garbage = ["", "{", "[]", '{"type":"event"}', '{"type":"new-thing"}', new ArrayBuffer(4)];
    for (const frame of garbage) socket().onmessage?.(frame);
    socket().says({ type: "event", ...eventOf("chat", -1) });
    socket().tells("chat", 6);
    expect(client.figures.get().unreadable).toBe(garbage.length + 1);
    expect(heard.at(-1)).toBe(6);
    expect(client.state.get().kind).toBe("live");
  });

  it("is told once for each change", async () => {
    const { client, socket } = await liveScene();
    let changes = 0;
    client.state.subscribe(() => {
      changes += 1;
    });
    for (const offset of [6, 7, 8]) socket().tells("chat", offset);
    socket().ends(1001);
    expect(changes).toBe(1);
  });

  it("comes back at once after the process has slept for long", async () => {
    const { clock, sockets, socket, client } = await liveScene();
    await clock.sleep(3_600_000);
    expect(sockets).toHaveLength(2);
    socket().welcomes();
    expect(socket().subscriptions("chat")[0]?.since).toEqual({ epoch: "a", offset: 5 });
    expect(client.figures.get().reconnects).toBe(1);
  });

  it("keeps a connection that lives on while a hidden tab's timers are slow", async () => {
    const { clock, sockets, socket, client, signal } = await liveScene();
    signal("hidden");
    for (let minute = 0; minute < 10; minute++) {
      await clock.sleep(60_000);
      socket().says({ type: "pong", id: 0 });
    }
    expect(sockets).toHaveLength(1);
    signal("shown");
    expect(client.state.get().kind).toBe("live");
  });

  it("notices in a hidden tab that nobody answers", async () => {
    const { clock, sockets, signal } = await liveScene();
    signal("hidden");
    await clock.sleep(60_000);
    expect(sockets).toHaveLength(1);
    await clock.sleep(60_000);
    expect(sockets).toHaveLength(2);
  });
});

describe("requests", () => {
  it("publishes, and says when the message is kept", async () => {
    const { client, socket } = await welcomedScene();
    const kept = client.publish("chat", "Good evening");
    expect(socket().said.at(-1)).toMatchObject({ type: "publish", text: "Good evening" });
    socket().acks("publish");
    await expect(kept).resolves.toBeUndefined();
  });

  it("says why a message was refused", async () => {
    const { client, socket } = await welcomedScene();
    const kept = client.publish("chat", "!");
    socket().refuses("publish", "rate.limited", 900);
    await expect(kept).rejects.toEqual(new RequestError("rate.limited", "rate.limited", 900));
  });

  it("does not hide that nobody knows what became of a message", async () => {
    const { client, socket } = await welcomedScene();
    const kept = client.publish("chat", "Hello");
    socket().ends(1006);
    await expect(kept).rejects.toBeInstanceOf(ConnectionLostError);
    await expect(client.publish("chat", "Hello")).rejects.toBeInstanceOf(NotConnectedError);
  });

  it("asks who watches", async () => {
    const { client, socket } = await welcomedScene();
    const present = { connections: 2, people: [{ user: "u", name: "Ana", role: "viewer" }] };
    const asked = client.presence("chat", { stream: "other" });
    const request = socket().heard("presence")[0];
    expect(request).toMatchObject({ channel: "chat", stream: "other" });
    socket().says({ type: "ack", id: request?.id, present });
    await expect(asked).resolves.toEqual(present);
  });

  it("does not take silence about who watches for nobody", async () => {
    const { client, socket } = await welcomedScene();
    const asked = client.presence("chat");
    socket().acks("presence");
    await expect(asked).rejects.toBeInstanceOf(RequestError);
  });

  it("measures a ping", async () => {
    const { client, clock, socket } = await welcomedScene();
    const took = client.ping();
    await clock.advance(30);
    socket().says({ type: "pong", id: socket().heard("ping")[0]?.id });
    await expect(took).resolves.toBe(30);
  });
});

it("may be closed by whoever is told that it is live", async () => {
  const { client, clock, socket } = scene(["chat"]);
  client.state.subscribe(() => {
    if (client.state.get().kind === "live") client.close();
  });
  client.start();
  await clock.advance(0);
  socket().welcomes();
  expect(socket().closed).toBe(true);
  expect(client.state.get().kind).toBe("closed");
  expect(clock.timersSet).toBe(0);
});

describe("deflated messages", () => {
  const deflated = (message: object) =>
    Uint8Array.from([0xc1, ...deflateSync(JSON.stringify(message))]).buffer;
  const told = (offset: number) => ({ type: "event", ...eventOf("chat", offset) });

  it("are asked for before anything else, and handled in their order", async () => {
    const { client, heard, socket } = await liveScene("chat", { inflate: inflateStream() });
    expect(socket().said.map(({ type }) => type)).toEqual(["hello", "subscribe"]);
    expect(socket().said[0]).toMatchObject({ deflate: true });
    socket().onmessage?.(deflated(told(6)));
    socket().tells("chat", 7);
    socket().onmessage?.(deflated(told(8)));
    await vi.waitFor(() => expect(heard).toEqual([{ snapshot: ["old"] }, 6, 7, 8]));
    expect(client.figures.get()).toMatchObject({ inflated: 2, unreadable: 0, gaps: 0 });
  });

  it("are not asked for where nothing inflates", async () => {
    vi.stubGlobal("DecompressionStream", undefined);
    const { client, heard, socket } = await liveScene("chat", { inflate: inflateStream() });
    vi.unstubAllGlobals();
    expect(socket().heard("hello")).toEqual([]);
    socket().onmessage?.(deflated(told(6)));
    socket().tells("chat", 6);
    expect(heard).toEqual([{ snapshot: ["old"] }, 6]);
    expect(client.figures.get()).toMatchObject({ inflated: 0, unreadable: 1 });
  });

  it("may be unknown to a server, and all is as before", async () => {
    const { client, heard, socket } = await liveScene("chat", { inflate: inflateStream() });
    socket().refuses("hello", "ws.message.unreadable");
    socket().tells("chat", 6);
    expect(heard).toEqual([{ snapshot: ["old"] }, 6]);
    expect(client.state.get().kind).toBe("live");
  });

  it("that are broken are counted as unreadable", async () => {
    const { client, socket } = await liveScene("chat", { inflate: inflateStream() });
    socket().onmessage?.(deflated(told(6)).slice(0, 20));
    await vi.waitFor(() => expect(client.figures.get().unreadable).toBe(1));
  });
});

it("hears frames in order from a codec that takes its time", async () => {
  const waiting: (() => void)[] = [];
  const slow: Codec = {
    ...jsonCodec,
    decode: (frame) =>
      new Promise((resolve) => waiting.push(() => resolve(jsonCodec.decode(frame)))),
  };
  const { client, clock, heard, socket } = scene(["chat"], { codec: slow });
  client.start();
  await clock.advance(0);
  socket().welcomes();
  waiting.shift()?.();
  await clock.advance(0);
  socket().subscribes("chat", { epoch: "a", offset: 5, snapshot: [] });
  for (const offset of [6, 7]) socket().tells("chat", offset);
  socket().ends(1001);
  for (const finish of waiting.toReversed()) finish();
  await clock.advance(0);
  expect(heard).toEqual([{ snapshot: [] }, 6, 7]);
  expect(client.state.get().kind).toBe("waiting");
});
