import { describe, expect, it } from "vitest";
import type { FakeSocket } from "../test-kit/fake-socket.ts";
import { scene } from "../test-kit/scene.ts";
import type { Position } from "./protocol/messages.ts";

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** The server's side of one channel, with a short memory, over sockets that may lose what is said. */
class Server {
  /** Every event, named after the history that it was first in. */
  readonly history: string[] = [];
  private epoch = 1;
  /** Subscribers have not been told of the new history. */
  private isNew = false;
  /** Events before this one are forgotten. */
  private reach = 0;
  private readonly answered = new WeakMap<FakeSocket, number>();
  private readonly subscribed = new WeakSet<FakeSocket>();

  get offset(): number {
    return this.history.length;
  }

  /** Answers what the client has asked since, as far as `mayAnswer` lets it. */
  answer(socket: FakeSocket, mayAnswer: () => boolean): void {
    const from = this.answered.get(socket) ?? 0;
    this.answered.set(socket, socket.said.length);
    for (const said of socket.said.slice(from)) {
      if (said.type === "ping") socket.says({ type: "pong", id: said.id });
      if (said.type === "subscribe" && mayAnswer()) this.subscribe(socket, said.id, said.since);
    }
  }

  publish(socket: FakeSocket | null, isLost: boolean): void {
    this.history.push(`${this.epoch}:${this.offset}`);
    if (!socket || !this.subscribed.has(socket)) return;
    if (this.isNew) this.subscribe(socket, 0, undefined);
    else if (!isLost) this.tell(socket, this.offset);
    this.isNew = false;
  }

  /** A new history, which has lost the end of the old one, as after a restart of Redis. */
  restart(lost: number): void {
    this.history.splice(Math.max(0, this.offset - lost));
    this.epoch += 1;
    this.isNew = true;
    this.reach = this.offset;
  }

  forget(): void {
    this.reach = Math.max(this.reach, this.offset - 3);
  }

  private subscribe(socket: FakeSocket, id: number, since: unknown): void {
    const asked = since as Position | undefined;
    const epoch = `${this.epoch}`;
    const recovered =
      asked?.epoch === epoch && asked.offset >= this.reach && asked.offset <= this.offset;
    const offset = recovered ? asked.offset : this.offset;
    const snapshot = recovered ? {} : { snapshot: [...this.history] };
    const about = { id, channel: "chat", stream: "main", epoch, offset, recovered };
    socket.says({ type: "subscribed", ...about, ...snapshot });
    for (let missed = offset + 1; missed <= this.offset; missed++) this.tell(socket, missed);
    this.subscribed.add(socket);
  }

  private tell(socket: FakeSocket, offset: number): void {
    socket.tells("chat", offset, this.history[offset - 1]);
  }
}

/** A client and a server that go through whatever `seed` has in store. */
async function ordeal(seed: number): Promise<void> {
  const random = randomOf(seed);
  const chance = (share: number) => random() < share;
  const { client, clock, sockets, signal } = scene([], { random });
  const server = new Server();
  let copy: string[] = [];
  client.subscribe("chat", {}, (event) => {
    if (event.type === "snapshot") {
      copy = [...(event.value as unknown as string[])];
    } else if (event.type === "chat.message.posted") {
      // In order, once, and none left out.
      expect(event.offset).toBe(copy.length + 1);
      copy.push(event.data as unknown as string);
    }
  });
  client.start();
  let welcomed = 0;
  const turn = async (trouble: number) => {
    await clock.advance(Math.round(random() * 900));
    const socket = sockets.at(-1);
    const isOpen = socket !== undefined && !socket.closed && socket.onmessage !== null;
    if (isOpen && sockets.length > welcomed) {
      welcomed = sockets.length;
      socket.welcomes();
    }
    if (isOpen) server.answer(socket, () => !chance(trouble));
    const near = isOpen && sockets.length === welcomed ? socket : null;
    for (let count = random() * 4; count >= 1; count--) server.publish(near, chance(trouble));
    if (chance(trouble)) near?.ends([1001, 1006, 4000, 4001][Math.floor(random() * 4)] ?? 1006);
    if (chance(trouble)) await clock.sleep(random() * 100_000);
    if (chance(trouble / 2)) server.restart(Math.floor(random() * 4));
    if (chance(trouble / 2)) server.forget();
    for (const name of ["network-lost", "network-returned", "hidden", "shown"] as const) {
      if (chance(trouble)) signal(name);
    }
    if (chance(trouble)) client.retryNow();
  };
  for (let round = 0; round < 120; round++) await turn(0.12);
  // Quiet times: whatever happened, the copy becomes right.
  signal("network-returned");
  signal("shown");
  for (let round = 0; round < 80; round++) await turn(0);
  expect(copy).toEqual(server.history);
  client.close();
  expect(clock.timersSet).toBe(0);
}

describe("whatever happens, each event is told once and in order, and the end is right", () => {
  it.each(Array.from({ length: 200 }, (_, seed) => seed))("ordeal %i", ordeal);
});
