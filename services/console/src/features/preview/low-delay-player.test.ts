import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { ManualClock } from "../../clock.ts";
import { LowDelayPlayer } from "./low-delay-player.ts";

type FrameCallback = (now: number, metadata: Partial<VideoFrameCallbackMetadata>) => void;

class Connection {
  static all: Connection[] = [];
  connectionState: RTCPeerConnectionState = "new";
  localDescription: { sdp: string } | null = null;
  answer: string | null = null;
  closed = false;
  onconnectionstatechange: () => void = () => {};
  kinds: string[] = [];
  constructor() {
    Connection.all.push(this);
  }
  addTransceiver(kind: string) {
    this.kinds.push(kind);
  }
  async setLocalDescription() {
    this.localDescription = { sdp: "offer" };
  }
  async setRemoteDescription({ sdp }: { sdp: string }) {
    this.answer = sdp;
  }
  close() {
    this.closed = true;
  }
}

const answers: (() => Response)[] = [];
const requests: { method: string; url: string; authorization: string | null }[] = [];

function created(): Response {
  const response = new Response("answer", { status: 201, headers: { location: "whep/1" } });
  Object.defineProperty(response, "url", { value: "http://host/live/main/whep" });
  return response;
}

beforeEach(() => {
  Connection.all = [];
  answers.length = 0;
  requests.length = 0;
  vi.stubGlobal("RTCPeerConnection", Connection);
  vi.stubGlobal("MediaStream", class {});
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    const authorization = new Headers(init.headers).get("authorization");
    requests.push({ method: init.method ?? "GET", url, authorization });
    const answer = init.method === "DELETE" ? () => new Response() : answers.shift();
    if (!answer) throw new TypeError("nobody is there");
    return answer();
  });
});
afterEach(() => vi.unstubAllGlobals());

function scene() {
  const clock = new ManualClock();
  let callback: FrameCallback = () => {};
  const video = {
    srcObject: null,
    play: async () => {},
    requestVideoFrameCallback(next: FrameCallback) {
      callback = next;
    },
  };
  const onGiveUp = vi.fn();
  let token = "old";
  const player = new LowDelayPlayer(video as unknown as HTMLVideoElement, {
    whepUrl: () => "http://host/live/main/whep",
    accessToken: () => token,
    renewToken: async () => {
      token = "new";
      return true;
    },
    clock,
    onGiveUp,
  });
  const frame = (metadata: Partial<VideoFrameCallbackMetadata> = {}) => callback(0, metadata);
  return { clock, player, onGiveUp, frame, video };
}

it("opens a session, plays, and ends the session when it is stopped", async () => {
  const { clock, player, frame } = scene();
  answers.push(created);
  player.start();
  await clock.advance(0);
  const [connection] = Connection.all;
  expect([connection?.kinds, connection?.answer]).toEqual([["video", "audio"], "answer"]);
  expect(player.state.get()).toBe("loading");
  frame({ captureTime: 100, expectedDisplayTime: 350 });
  expect([player.state.get(), player.ageMs()]).toEqual(["playing", 250]);
  frame({ expectedDisplayTime: 400 });
  expect(player.ageMs()).toBeNull();
  player.stop();
  expect(connection?.closed).toBe(true);
  expect(requests.at(-1)).toMatchObject({ method: "DELETE", url: "http://host/live/main/whep/1" });
});

it("renews a token that has expired", async () => {
  const { clock, player, onGiveUp } = scene();
  answers.push(() => new Response("", { status: 401 }), created);
  player.start();
  await clock.advance(0);
  expect(requests.map((request) => request.authorization)).toEqual(["Bearer old", "Bearer new"]);
  expect(Connection.all[0]?.answer).toBe("answer");
  expect(onGiveUp).not.toHaveBeenCalled();
});

it("gives up where there is no session, no connection or no picture", async () => {
  for (const answer of [() => new Response("", { status: 422 }), undefined, created]) {
    const { clock, player, onGiveUp } = scene();
    answers.length = 0;
    if (answer) answers.push(answer);
    player.start();
    await clock.advance(7_000);
    if (answer === created) expect(onGiveUp).not.toHaveBeenCalled();
    await clock.advance(2_000);
    expect(onGiveUp).toHaveBeenCalledOnce();
    expect(player.state.get()).toBe("off");
  }
});

it("says that the picture stands still, and then opens another session", async () => {
  const { clock, player, frame, onGiveUp } = scene();
  answers.push(created, created);
  player.start();
  await clock.advance(0);
  frame();
  await clock.advance(2_000);
  expect(player.state.get()).toBe("frozen");
  await clock.advance(4_000);
  expect(Connection.all.length).toBe(2);
  expect(Connection.all[0]?.closed).toBe(true);
  frame();
  expect(player.state.get()).toBe("playing");
  const [, second] = Connection.all;
  if (second) second.connectionState = "failed";
  second?.onconnectionstatechange();
  await clock.advance(0);
  expect(Connection.all.length).toBe(3);
  expect(onGiveUp).toHaveBeenCalledOnce();
});
