import { describe, expect, it } from "vitest";
import { ManualClock } from "../clock.ts";
import type { Guest } from "./guests.ts";
import { Session, type Siblings } from "./session.ts";

/** The gateway's part: tokens that can be used once, and an account. */
class FakeGateway {
  private issued = 0;
  private validRefresh = "";
  private validAccess = "";
  readonly calls: string[] = [];
  /** Whether each exchange asked for a cookie. */
  readonly cookies: boolean[] = [];
  reachable = true;
  /** Whether guests may come, and stay. */
  guestsCome = true;
  /** What proved who chats. */
  readonly chatted: (string | null)[] = [];

  fetch = async (request: Request): Promise<Response> => {
    const path = new URL(request.url).pathname;
    this.calls.push(path);
    if (!this.reachable) throw new TypeError("no route");
    const body = request.method === "POST" ? await request.json().catch(() => ({})) : {};
    switch (path) {
      case "/api/auth/login":
        if (body.password === "half") return challenge();
        return body.password === "right" ? this.tokens() : refused("auth.credentials.invalid");
      case "/api/auth/login/second-factor":
        if (body.challenge !== "a challenge") return refused("auth.challenge.invalid");
        return body.code === "123456"
          ? this.tokens({ recovery_codes: ["one", "two"] })
          : refused("auth.code.invalid");
      case "/api/auth/refresh":
        this.cookies.push(body.cookie === true);
        return body.refresh_token === this.validRefresh
          ? this.tokens()
          : refused("auth.refresh.invalid");
      case "/api/chat/guests":
        return this.guestsCome
          ? json({ token: "guest_1", user: "g", name: "Guest 1", expires_at: "" })
          : new Response(JSON.stringify({ title: "No", code: "chat.guests.closed", status: 403 }), {
              status: 403,
            });
      case "/api/chat":
        this.chatted.push(request.headers.get("Authorization"));
        return this.guestsCome ? json([]) : refused("auth.token.invalid");
      case "/api/auth/logout":
        return new Response(null, { status: 204 });
      default:
        return request.headers.get("Authorization") === `Bearer ${this.validAccess}`
          ? json({ user: "u", name: "Ana", role: "operator", session: "s", expires_at: "" })
          : refused("auth.token.expired");
    }
  };

  count(path: string): number {
    return this.calls.filter((call) => call === path).length;
  }

  accessExpires(): void {
    this.validAccess = "none";
  }

  revokes(): void {
    this.accessExpires();
    this.validRefresh = "none";
  }

  private tokens(more: object = {}): Response {
    this.issued += 1;
    this.validAccess = `access-${this.issued}`;
    this.validRefresh = `refresh-${this.issued}`;
    return json({
      access_token: this.validAccess,
      refresh_token: this.validRefresh,
      token_type: "Bearer",
      expires_in: 900,
      ...more,
    });
  }
}

const json = (body: unknown) => new Response(JSON.stringify(body));
const challenge = () =>
  new Response(JSON.stringify({ mfa_required: true, challenge: "a challenge", expires_in: 300 }), {
    status: 202,
  });
const refused = (code: string) =>
  new Response(JSON.stringify({ title: "No", code, status: 401 }), { status: 401 });

/** Tabs of one browser, each with a copy of the session storage. */
class Tabs {
  private readonly listeners: Parameters<Siblings["listen"]>[0][] = [];

  siblings(): Siblings {
    return {
      exclusively: (task) => task(),
      announce: (used, tokens) => {
        for (const listener of this.listeners) listener(used, tokens);
      },
      listen: (heard) => this.listeners.push(heard),
    };
  }
}

function scene(stored: string | null = null, gateway = new FakeGateway(), tabs = new Tabs()) {
  const clock = new ManualClock();
  const store = { token: stored };
  const guests = { kept: null as Guest | null };
  const session = new Session({
    url: (path) => `http://server.test/${path}`,
    fetch: gateway.fetch,
    store: {
      load: () => store.token,
      save: (token) => {
        store.token = token;
      },
    },
    guests: {
      load: () => guests.kept,
      save: (guest) => {
        guests.kept = guest;
      },
    },
    siblings: tabs.siblings(),
    clock,
  });
  return { gateway, clock, store, guests, session, tabs };
}

const api = () => new Request("http://server.test/api/anything");

describe("signing in", () => {
  it("says why not", async () => {
    const { session } = scene();
    expect(await session.signIn("ana", "wrong")).toMatchObject({
      code: "auth.credentials.invalid",
      status: 401,
    });
    expect(session.state.get().kind).toBe("signed-out");
  });

  it("asks for the second factor after the password, until a code is right", async () => {
    const { session, store } = scene();
    expect(await session.signIn("ana", "half")).toBeNull();
    expect(session.secondStep.get()).toEqual({ challenge: "a challenge", enrolment: null });
    expect(session.state.get().kind).toBe("signed-out");
    expect(await session.answer("000000")).toMatchObject({ code: "auth.code.invalid" });
    expect(store.token).toBeNull();
    expect(await session.answer("123456")).toBeNull();
    expect(session.secondStep.get()).toBeNull();
    expect(session.recoveryCodes.get()).toEqual(["one", "two"]);
    expect(session.state.get()).toMatchObject({ kind: "signed-in", identity: { name: "Ana" } });
  });

  it("goes back to the password", async () => {
    const { session } = scene();
    await session.signIn("ana", "half");
    session.startOver();
    expect(session.secondStep.get()).toBeNull();
    expect(await session.answer("123456")).toBeNull();
    expect(session.state.get().kind).toBe("signed-out");
  });

  it("tells an unreachable server from a wrong password", async () => {
    const { session, gateway } = scene();
    gateway.reachable = false;
    expect(await session.signIn("ana", "right")).toMatchObject({ code: "network" });
  });

  it("keeps the access token in memory and the refresh token for the tab", async () => {
    const { session, store } = scene();
    expect(await session.signIn("ana", "right")).toBeNull();
    expect(session.state.get()).toMatchObject({ kind: "signed-in", identity: { name: "Ana" } });
    expect(session.accessToken()).toBe("access-1");
    expect(store.token).toBe("refresh-1");
  });

  it("leaves nothing behind after signing out", async () => {
    const { session, store, gateway } = scene();
    await session.signIn("ana", "right");
    await session.signOut();
    expect(session.state.get().kind).toBe("signed-out");
    expect(session.accessToken()).toBeNull();
    expect(store.token).toBeNull();
    expect(gateway.count("/api/auth/logout")).toBe(1);
  });
});

describe("staying signed in", () => {
  it("picks up the tab's sign-in after a reload", async () => {
    const first = scene();
    await first.session.signIn("ana", "right");
    const { session } = scene(first.store.token, first.gateway);
    expect(session.state.get().kind).toBe("restoring");
    await session.restore();
    expect(session.state.get().kind).toBe("signed-in");
  });

  it("goes on trying while the server is away after a reload", async () => {
    const first = scene();
    await first.session.signIn("ana", "right");
    first.gateway.reachable = false;
    const { session, clock } = scene(first.store.token, first.gateway);
    await session.restore();
    expect(session.state.get()).toMatchObject({ kind: "restoring", failure: { code: "network" } });
    first.gateway.reachable = true;
    await clock.advance(3_000);
    await expect.poll(() => session.state.get().kind).toBe("signed-in");
  });

  it("renews before the access token ends, and tells who needs it", async () => {
    const { session, clock, gateway } = scene();
    await session.signIn("ana", "right");
    const heard: string[] = [];
    session.onToken((token) => heard.push(token));
    await clock.advance(675_000);
    await expect.poll(() => heard).toEqual(["access-2"]);
    expect(gateway.count("/api/auth/refresh")).toBe(1);
  });

  it("asks for a cookie once the browser has to prove by itself who asks, and keeps it", async () => {
    const { session, clock, gateway } = scene();
    await session.signIn("ana", "right");
    await session.renew();
    expect(await session.proveByCookie()).toBe(true);
    await clock.advance(675_000);
    await expect.poll(() => gateway.cookies).toEqual([false, true, true]);
    await session.signOut();
    await session.signIn("ana", "right");
    await session.renew();
    expect(gateway.cookies.at(-1)).toBe(false);
    gateway.reachable = false;
    expect(await session.proveByCookie()).toBe(false);
  });

  it("repeats a refused request once with a new token, exchanging it once for all", async () => {
    const { session, gateway } = scene();
    await session.signIn("ana", "right");
    gateway.accessExpires();
    const answers = await Promise.all([session.fetch(api()), session.fetch(api())]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(gateway.count("/api/auth/refresh")).toBe(1);
  });

  it("keeps the page and asks again when the sign-in was ended", async () => {
    const { session, gateway } = scene();
    await session.signIn("ana", "right");
    gateway.revokes();
    expect((await session.fetch(api())).status).toBe(401);
    expect(session.state.get()).toMatchObject({ kind: "expired", identity: { name: "Ana" } });
    expect(await session.signIn("ana", "right")).toBeNull();
    expect(session.state.get().kind).toBe("signed-in");
  });

  it("shares a rotated token with a duplicated tab", async () => {
    const tabs = new Tabs();
    const one = scene(null, new FakeGateway(), tabs);
    await one.session.signIn("ana", "right");
    const two = scene(one.store.token, one.gateway, tabs);
    await two.session.restore();
    expect(one.session.accessToken()).toBe(two.session.accessToken());
    expect((await one.session.fetch(api())).status).toBe(200);
  });
});

describe("a guest", () => {
  const chat = () => new Request("http://server.test/api/chat?stream=main");

  it("proves who it is to the chat alone", async () => {
    const { session, gateway, guests } = scene();
    expect(await session.comeAsGuest()).toBeNull();
    expect(session.state.get()).toMatchObject({ kind: "guest", identity: { name: "Guest 1" } });
    expect(guests.kept?.token).toBe("guest_1");
    await session.fetch(chat());
    expect(gateway.chatted).toEqual(["Bearer guest_1"]);
    expect((await session.fetch(api())).status).toBe(401);
    expect(session.state.get().kind).toBe("guest");
    expect(session.accessToken()).toBeNull();
  });

  it("is told where guests may not come", async () => {
    const { session, gateway } = scene();
    gateway.guestsCome = false;
    expect(await session.comeAsGuest()).toMatchObject({ code: "chat.guests.closed" });
    expect(session.state.get().kind).toBe("signed-out");
  });

  it("goes when its visit is over, or it signs in", async () => {
    const { session, gateway, guests } = scene();
    await session.comeAsGuest();
    gateway.guestsCome = false;
    await session.fetch(chat());
    expect(session.state.get().kind).toBe("signed-out");
    expect(guests.kept).toBeNull();
    gateway.guestsCome = true;
    await session.comeAsGuest();
    await session.signOut();
    expect(session.state.get().kind).toBe("signed-out");
    expect(session.guestToken()).toBeNull();
  });
});
