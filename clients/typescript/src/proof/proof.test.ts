import { describe, expect, it } from "vitest";
import { scene, welcomedScene } from "../../test-kit/scene.ts";
import { anonymous, byHeader, byTicket, byToken } from "./proof.ts";

/** A token that ends `seconds` after the manual clock's beginning. */
const endingAfter = (seconds: number, name = "t") => {
  const claims = JSON.stringify({ exp: 1_000 + seconds, name });
  return `head.${Buffer.from(claims).toString("base64url")}.signature`;
};

it.each([
  ["nobody", anonymous, {}],
  ["a token", byToken("t"), { token: "t" }],
  ["a header", byHeader("t"), { headers: { Authorization: "Bearer t" } }],
  ["a ticket", byTicket(async () => "1+1"), { query: { ticket: "1+1" } }],
])("%s admits", async (_, proof, admission) => {
  expect(await proof.admit(0)).toEqual(admission);
});

describe("on a connection", () => {
  it("goes first, before the subscriptions", async () => {
    const { client, clock, socket } = scene(["chat"], { proof: byToken("t") });
    client.start();
    await clock.advance(0);
    socket().welcomes(false);
    expect(socket().said.map(({ type }) => type)).toEqual(["auth", "subscribe"]);
  });

  it("is not repeated where the handshake proved it", async () => {
    const { socket } = await welcomedScene([], { proof: byHeader("t") });
    expect(socket().target.headers).toEqual({ Authorization: "Bearer t" });
    expect(socket().said).toEqual([]);
  });

  it("is renewed in place before it ends", async () => {
    const tokens = [endingAfter(100), endingAfter(200), endingAfter(300)];
    const { client, clock, socket, sockets } = scene([], {
      proof: byToken(() => tokens.shift() ?? ""),
    });
    client.start();
    await clock.advance(0);
    socket().welcomes(false);
    socket().acks("auth");
    const stayAlive = async (seconds: number) => {
      for (let second = 0; second < seconds; second++) {
        await clock.advance(1_000);
        socket().says({ type: "pong", id: 0 });
      }
    };
    await stayAlive(74);
    expect(socket().heard("auth")).toHaveLength(1);
    await stayAlive(1);
    expect(socket().heard("auth").at(-1)?.token).toBe(endingAfter(200));
    socket().acks("auth");
    await stayAlive(94);
    expect(socket().heard("auth")).toHaveLength(3);
    expect(sockets).toHaveLength(1);
  });

  it("is asked for again when the server finds it expired, once", async () => {
    const tokens = ["old", "new", "third"];
    const { client, clock, socket } = scene(["chat"], {
      proof: byToken(() => tokens.shift() ?? ""),
    });
    client.start();
    await clock.advance(0);
    socket().welcomes(false);
    socket().refuses("subscribe", "auth.token.missing");
    socket().refuses("auth", "auth.token.expired");
    await clock.advance(0);
    expect(socket().heard("auth").at(-1)?.token).toBe("new");
    socket().refuses("auth", "auth.token.expired");
    await clock.advance(0);
    expect(client.state.get()).toMatchObject({ kind: "refused", because: "sign-in" });
    expect(tokens).toEqual(["third"]);
  });

  it("lets refused subscriptions in when the second one holds", async () => {
    const tokens = ["old", "new"];
    const { client, clock, socket } = scene(["chat"], {
      proof: byToken(() => tokens.shift() ?? ""),
    });
    client.start();
    await clock.advance(0);
    socket().welcomes(false);
    socket().refuses("auth", "auth.token.expired");
    socket().refuses("subscribe", "auth.token.missing");
    await clock.advance(0);
    socket().acks("auth");
    await clock.advance(0);
    expect(socket().subscriptions("chat")).toHaveLength(2);
  });

  it("asks for a sign-in at once where there is no other token", async () => {
    const { client, clock, socket } = scene([], { proof: byToken("t") });
    client.start();
    await clock.advance(0);
    socket().welcomes(false);
    socket().refuses("auth", "auth.token.invalid");
    await clock.advance(0);
    expect(client.state.get()).toEqual({
      kind: "refused",
      because: "sign-in",
      code: null,
      reason: "auth.token.invalid",
    });
  });

  it.each([
    ["a token", byToken("t")],
    ["a source", byToken(() => "t")],
  ])("is tried again when the server cannot judge it now: %s", async (_, proof) => {
    const { client, clock, socket } = scene([], { proof });
    client.start();
    await clock.advance(0);
    socket().welcomes(false);
    socket().refuses("auth", "dependency.unavailable", 800);
    await clock.advance(799);
    expect(socket().heard("auth")).toHaveLength(1);
    await clock.advance(1);
    expect(socket().heard("auth")).toHaveLength(2);
  });

  it("is replaced when the owner has a fresh one", async () => {
    const { client, socket } = await welcomedScene([], { proof: byTicket(async () => "1") });
    client.renew("newer");
    expect(socket().heard("auth").at(-1)).toMatchObject({ token: "newer" });
  });

  it("makes the connection come back when a renewal is refused", async () => {
    const { client, clock, socket, sockets } = await welcomedScene([], {
      proof: byTicket(async () => "1"),
    });
    client.renew("somebody else's");
    socket().refuses("auth", "auth.token.invalid");
    await clock.advance(0);
    expect(client.state.get().kind).toBe("waiting");
    await clock.advance(250);
    expect(sockets).toHaveLength(2);
  });

  it("tries again to renew when the source fails, while the connection lasts", async () => {
    let failures = 0;
    const source = () => {
      if (failures++ === 1) throw new Error("no answer");
      return endingAfter(8);
    };
    const { client, clock, socket } = scene([], { proof: byToken(source) });
    client.start();
    await clock.advance(0);
    socket().welcomes(false);
    socket().acks("auth");
    for (let second = 0; second < 12; second++) {
      await clock.advance(1_000);
      socket().says({ type: "pong", id: 0 });
    }
    expect(socket().heard("auth").length).toBeGreaterThan(1);
  });
});
