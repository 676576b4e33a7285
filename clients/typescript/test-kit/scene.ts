import { Client, type ClientOptions } from "../src/client.ts";
import type { Signal } from "../src/edge/signals.ts";
import type { Timing } from "../src/link/timing.ts";
import type { Channel } from "../src/protocol/messages.ts";
import { FakeSocket } from "./fake-socket.ts";
import { ManualClock } from "./manual-clock.ts";

/** The waits that the tests count with. */
export const TIMING: Timing = {
  backOff: { firstMs: 250, capMs: 10_000 },
  openMs: 10_000,
  stableMs: 2_000,
  pingMs: 1_000,
  staleMs: 2_000,
  silentMs: 6_000,
  wakeMs: 1_500,
};

/** A client whose surroundings are the test, with a list of everything that it heard. */
export function scene(channels: Channel[] = ["chat"], options: Partial<ClientOptions> = {}) {
  const clock = new ManualClock();
  const sockets: FakeSocket[] = [];
  const heard: unknown[] = [];
  let signal: (signal: Signal) => void = () => {};
  const client = new Client({
    url: "wss://stream.example.test/ws",
    transport: (target) => {
      const socket = new FakeSocket(target);
      sockets.push(socket);
      return socket;
    },
    signals: (tell) => {
      signal = tell;
      return () => {
        signal = () => {};
      };
    },
    clock,
    random: () => 1,
    timing: TIMING,
    inflate: null,
    ...options,
  });
  for (const channel of channels) {
    client.subscribe(channel, {}, (event) => {
      if (event.type === "snapshot") heard.push({ snapshot: event.value });
      else if ("data" in event) heard.push(event.data);
      else heard.push(event.type);
    });
  }
  const socket = () => {
    const newest = sockets.at(-1);
    if (!newest) throw new Error("no socket was opened");
    return newest;
  };
  return { clock, sockets, heard, client, socket, signal: (what: Signal) => signal(what) };
}

/** The same, welcomed. */
export async function welcomedScene(
  channels: Channel[] = [],
  options: Partial<ClientOptions> = {},
) {
  const all = scene(channels, options);
  all.client.start();
  await all.clock.advance(0);
  all.socket().welcomes();
  return all;
}

/** The same, with a snapshot at offset 5 of epoch "a". */
export async function liveScene(channel: Channel = "chat", options: Partial<ClientOptions> = {}) {
  const all = await welcomedScene([channel], options);
  all.socket().subscribes(channel, { epoch: "a", offset: 5, snapshot: ["old"] });
  return all;
}
