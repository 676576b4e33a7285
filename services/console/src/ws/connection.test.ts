import { describe, expect, it } from "vitest";
import type { Channel, ServerMessage } from "../api/types.ts";
import { ManualClock } from "../clock.ts";
import { Connection, OpenError, type Socket } from "./connection.ts";

/** The far end of a connection: what the client said, and a mouth for the server. */
class FakeSocket implements Socket {
  onmessage: Socket["onmessage"] = null;
  onclose: Socket["onclose"] = null;
  readonly said: { type: string; id: number; [field: string]: unknown }[] = [];
  closed = false;

  send(frame: string): void {
    this.said.push(JSON.parse(frame));
  }

  close(): void {
    this.closed = true;
  }

  says(message: Record<string, unknown>): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  welcomes(): void {
    this.says({
      type: "welcome",
      session: "c-1",
      heartbeat_ms: 10_000,
      limits: { frame_bytes_max: 65_536, subscriptions_max: 128, messages_per_second: 20 },
      authenticated: true,
    } satisfies ServerMessage);
  }

  ends(code: number, reason = ""): void {
    this.onclose?.({ code, reason });
  }

  subscriptions(channel: Channel) {
    return this.said.filter((said) => said.type === "subscribe" && said.channel === channel);
  }

  /** Answers the newest subscription to `channel`. */
  subscribes(
    channel: Channel,
    answer: { epoch: string; offset: number; snapshot?: unknown },
  ): void {
    const id = this.subscriptions(channel).at(-1)?.id ?? 0;
    const recovered = !("snapshot" in answer);
    this.says({ type: "subscribed", id, channel, stream: "main", recovered, ...answer });
  }

  tells(channel: Channel, offset: number, data: unknown = offset): void {
    this.says({ type: "event", ...eventOf(channel, offset, data) });
  }
}

function eventOf(channel: Channel, offset: number, data: unknown = offset) {
  const event = "chat.message.posted";
  return { channel, stream: "main", offset, time: "2030-01-01T00:00:00.000Z", event, data };
}

/** A connection with a list of everything that it did and heard. */
function scene(channels: Channel[] = ["chat"]) {
  const clock = new ManualClock();
  const sockets: FakeSocket[] = [];
  const failures: OpenError[] = [];
  const heard: unknown[] = [];
  const connection = new Connection({
    stream: "main",
    open: async () => {
      const failure = failures.shift();
      if (failure) throw failure;
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket;
    },
    accessToken: () => "token",
    clock,
    random: () => 1,
  });
  for (const channel of channels) {
    connection.follow(channel, {
      snapshot: (value) => heard.push({ snapshot: value }),
      event: ({ data }) => heard.push(data),
    });
  }
  const socket = () => {
    const newest = sockets.at(-1);
    if (!newest) throw new Error("no socket was opened");
    return newest;
  };
  return { clock, sockets, failures, heard, connection, socket };
}

/** The same, welcomed, with a snapshot at offset 5 of epoch "a". */
async function liveScene(channel: Channel = "chat") {
  const all = scene([channel]);
  all.connection.start();
  await all.clock.advance(0);
  all.socket().welcomes();
  all.socket().subscribes(channel, { epoch: "a", offset: 5, snapshot: ["old"] });
  return all;
}

describe("reading by position", () => {
  it("takes the snapshot, then the events after it", async () => {
    const { socket, heard, connection } = await liveScene();
    expect(connection.state.get()).toEqual({ kind: "live", hearsEvents: true });
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
    expect(heard).toEqual([{ snapshot: ["old"] }, 6, 7]);
  });

  it("asks again for a subscription that is not answered, and passes over the late answer", async () => {
    const { clock, connection, heard, socket } = scene(["chat"]);
    connection.start();
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

  it("takes a new snapshot when a new history has begun", async () => {
    const { clock, socket, heard } = await liveScene();
    socket().ends(1001);
    await clock.advance(250);
    socket().welcomes();
    socket().subscribes("chat", { epoch: "b", offset: 0, snapshot: [] });
    socket().tells("chat", 1);
    expect(heard).toEqual([{ snapshot: ["old"] }, { snapshot: [] }, 1]);
  });

  it("asks once for what it missed, and ignores what comes before the answer", async () => {
    const { socket, heard, connection } = await liveScene();
    socket().tells("chat", 8);
    socket().tells("chat", 9);
    const asked = socket().subscriptions("chat");
    expect(asked).toHaveLength(2);
    expect(asked[1]?.since).toEqual({ epoch: "a", offset: 5 });
    expect(connection.figures.get().gaps).toBe(1);
    socket().subscribes("chat", { epoch: "a", offset: 5 });
    for (const offset of [6, 7, 8, 9]) socket().tells("chat", offset);
    expect(heard).toEqual([{ snapshot: ["old"] }, 6, 7, 8, 9]);
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

  it("never delivers an event twice", async () => {
    const { socket, heard } = await liveScene();
    socket().tells("chat", 6);
    socket().tells("chat", 6);
    socket().subscribes("chat", { epoch: "a", offset: 6 });
    socket().tells("chat", 7);
    expect(heard).toEqual([{ snapshot: ["old"] }, 6, 7]);
  });

  it("accepts that a state channel skips to the newest value", async () => {
    const { socket, heard, connection } = await liveScene("stream-state");
    socket().tells("stream-state", 9);
    expect(heard).toEqual([{ snapshot: ["old"] }, 9]);
    expect(connection.figures.get().gaps).toBe(0);
  });

  it("asks again for a channel that was refused for now", async () => {
    const { clock, connection, socket } = scene();
    connection.start();
    await clock.advance(0);
    socket().welcomes();
    const id = socket().subscriptions("chat")[0]?.id;
    socket().says({ type: "error", id, code: "busy", detail: "later", retry_after_ms: 400 });
    await clock.advance(400);
    expect(socket().subscriptions("chat")).toHaveLength(2);
  });
});

it("does not insist on a channel that the role does not carry", async () => {
  const { clock, connection, socket } = scene();
  connection.start();
  await clock.advance(0);
  socket().welcomes();
  const id = socket().subscriptions("chat")[0]?.id;
  socket().says({ type: "error", id, code: "auth.role.insufficient", detail: "no" });
  await clock.advance(1_000);
  socket().says({ type: "pong", id: 0 });
  await clock.advance(5_500);
  expect(socket().subscriptions("chat")).toHaveLength(1);
});

describe("coming back", () => {
  it("waits longer each time, up to ten seconds", async () => {
    const { clock, connection, sockets, socket } = scene();
    connection.start();
    await clock.advance(0);
    const waits: number[] = [];
    for (let round = 0; round < 8; round++) {
      socket().ends(1006);
      const state = connection.state.get();
      if (state.kind !== "waiting") throw new Error(`unexpected ${state.kind}`);
      waits.push(state.retryAt - clock.now());
      await clock.advance(waits.at(-1) ?? 0);
    }
    expect(waits).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
    expect(sockets).toHaveLength(9);
    expect(connection.figures.get().failedTries).toBe(8);
  });

  it("starts over with short waits after a connection that held, but not after one that did not", async () => {
    const { clock, connection, socket } = scene();
    connection.start();
    await clock.advance(0);
    const waitAfterEnd = () => {
      socket().ends(1006);
      const state = connection.state.get();
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
    const { clock, connection, sockets, socket } = scene();
    connection.start();
    await clock.advance(0);
    for (let round = 0; round < 6; round++) {
      socket().ends(1006);
      await clock.advance(10_000);
    }
    socket().ends(1006);
    const before = sockets.length;
    connection.retryNow();
    await clock.advance(0);
    expect(sockets).toHaveLength(before + 1);
    socket().ends(1006);
    connection.networkLost();
    expect(connection.state.get().kind).toBe("offline");
    connection.networkReturned();
    await clock.advance(0);
    expect(sockets).toHaveLength(before + 2);
  });

  it("keeps a working connection when the browser says it is offline", async () => {
    const { connection, socket, heard } = await liveScene();
    connection.networkLost();
    socket().tells("chat", 6);
    expect(connection.state.get().kind).toBe("live");
    expect(heard.at(-1)).toBe(6);
  });

  it("comes back when the goodbye said, not earlier", async () => {
    const { clock, connection, sockets, socket } = await liveScene();
    socket().says({ type: "goodbye", reason: "drain", reconnect_after_ms: 1_700 });
    socket().ends(1001);
    expect(connection.state.get()).toEqual({ kind: "waiting", retryAt: clock.now() + 1_700 });
    await clock.advance(1_699);
    expect(sockets).toHaveLength(1);
    await clock.advance(1);
    expect(sockets).toHaveLength(2);
  });

  it("stays away after a terminal close code, and says why", async () => {
    const { clock, connection, sockets, socket } = await liveScene();
    socket().ends(4501, "too many messages");
    expect(connection.state.get()).toEqual({
      kind: "ended",
      because: "refused",
      reason: "too many messages",
    });
    await clock.advance(60_000);
    expect(sockets).toHaveLength(1);
  });

  it("asks for a sign-in when nothing proved who connects", async () => {
    const { connection, socket } = await liveScene();
    socket().ends(4500, "not authenticated");
    expect(connection.state.get()).toMatchObject({ kind: "ended", because: "sign-in" });
  });

  it("asks for a sign-in when no ticket is given, and goes on after one", async () => {
    const { clock, connection, failures, sockets } = scene();
    failures.push(new OpenError(true, null));
    connection.start();
    await clock.advance(0);
    expect(connection.state.get()).toMatchObject({ kind: "ended", because: "sign-in" });
    connection.renewProof("new");
    await clock.advance(0);
    expect(sockets).toHaveLength(1);
  });

  it("waits as long as the refusal of a ticket says", async () => {
    const { clock, connection, failures } = scene();
    failures.push(new OpenError(false, 7_000));
    connection.start();
    await clock.advance(0);
    expect(connection.state.get()).toEqual({ kind: "waiting", retryAt: clock.now() + 7_000 });
  });

  it("hears nothing from a socket that it gave up", async () => {
    const { clock, connection, heard, sockets, socket } = await liveScene();
    const old = socket();
    connection.retryNow();
    expect(connection.state.get().kind).toBe("live");
    old.ends(1001);
    await clock.advance(250);
    old.tells("chat", 6);
    expect(old.closed).toBe(true);
    expect(sockets).toHaveLength(2);
    expect(heard).toEqual([{ snapshot: ["old"] }]);
  });
});

describe("the state of the link", () => {
  it("is stale after two silent seconds, and closed after six", async () => {
    const { clock, connection, socket, sockets } = await liveScene();
    const heardAt = clock.now();
    await clock.advance(2_000);
    expect(connection.state.get()).toEqual({ kind: "stale", since: heardAt });
    socket().says({ type: "pong", id: 1 });
    expect(connection.state.get().kind).toBe("live");
    await clock.advance(6_000);
    expect(connection.state.get().kind).toBe("waiting");
    await clock.advance(250);
    expect(sockets).toHaveLength(2);
  });

  it("pings once a second and measures the answer", async () => {
    const { clock, connection, socket } = await liveScene();
    await clock.advance(1_000);
    expect(socket().said.filter(({ type }) => type === "ping")).toHaveLength(1);
    await clock.advance(40);
    socket().says({ type: "pong", id: 9 });
    expect(connection.figures.get().roundTripMs).toBe(40);
  });

  it("shows when the server hears no events", async () => {
    const { connection, socket } = await liveScene();
    socket().says({ type: "link", live: false });
    expect(connection.state.get()).toEqual({ kind: "live", hearsEvents: false });
    socket().says({ type: "link", live: true });
    expect(connection.state.get()).toEqual({ kind: "live", hearsEvents: true });
  });

  it("counts frames that are no message and goes on", async () => {
    const { connection, socket, heard } = await liveScene();
    const garbage = ["", "{", "[]", '{"type":"event"}', '{"type":"new-thing"}', new ArrayBuffer(4)];
    for (const data of garbage) socket().onmessage?.({ data });
    socket().says({ type: "event", ...eventOf("chat", -1) });
    socket().tells("chat", 6);
    expect(connection.figures.get().unreadable).toBe(garbage.length + 1);
    expect(heard.at(-1)).toBe(6);
    expect(connection.state.get().kind).toBe("live");
  });

  it("replaces its proof in place", async () => {
    const { connection, socket } = await liveScene();
    connection.renewProof("newer");
    expect(socket().said.at(-1)).toMatchObject({ type: "auth", token: "newer" });
  });

  it("gives up on a server that opens and says nothing", async () => {
    const { clock, connection } = scene();
    connection.start();
    await clock.advance(10_000);
    expect(connection.state.get().kind).toBe("waiting");
    expect(connection.figures.get().failedTries).toBe(1);
  });
});
