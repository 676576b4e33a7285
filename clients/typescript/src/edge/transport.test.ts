import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it, vi } from "vitest";
import { type Socket, type Target, webSockets } from "./transport.ts";

const target = (url: string, headers = {}): Target => ({
  url: new URL(url),
  subprotocol: "stream-manager.v1+json",
  headers,
});

/** Resolves with every close that a socket told of within a turn of the first. */
function closesOf(socket: Socket): Promise<number[]> {
  const closes: number[] = [];
  return new Promise((resolve) => {
    socket.onclose = (code) => {
      closes.push(code);
      setImmediate(resolve, closes);
    };
  });
}

afterEach(() => {
  vi.unstubAllGlobals();
});

it("tells of a server that is not there", async () => {
  expect(await closesOf(webSockets(target("ws://127.0.0.1:9/ws")))).toEqual([1006]);
});

it("tells of a handshake that was refused, and had sent the headers", async () => {
  const asked: (string | undefined)[] = [];
  const server = createServer();
  server.on("upgrade", ({ headers }, socket) => {
    asked.push(headers.authorization, headers["sec-websocket-protocol"]);
    socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const socket = webSockets(target(`ws://127.0.0.1:${port}/ws`, { Authorization: "Bearer t" }));
  expect(await closesOf(socket)).toEqual([1006]);
  expect(asked).toEqual(["Bearer t", "stream-manager.v1+json"]);
  server.close();
});

/** A platform's socket that does what the test says. */
class Platform {
  static last: Platform;
  binaryType = "";
  onopen?: () => void;
  onerror?: () => void;
  onclose?: (event: { code: number; reason: string }) => void;

  constructor() {
    Platform.last = this;
  }
}

it.each<[string, (platform: Platform) => void, number[]]>([
  ["error alone before it was open", (platform) => platform.onerror?.(), [1006]],
  [
    "error and close before it was open",
    (platform) => {
      platform.onerror?.();
      platform.onclose?.({ code: 1006, reason: "" });
    },
    [1006],
  ],
  [
    "error and close afterwards: the close code counts",
    (platform) => {
      platform.onopen?.();
      platform.onerror?.();
      platform.onclose?.({ code: 1009, reason: "message too large" });
    },
    [1009],
  ],
])("tells once of %s", (_, happens, closes) => {
  vi.stubGlobal("WebSocket", Platform);
  const told: number[] = [];
  webSockets(target("ws://h/ws")).onclose = (code) => told.push(code);
  happens(Platform.last);
  expect(told).toEqual(closes);
});
