import { describe, expect, it } from "vitest";
import { apiAddress, webSocketAddress } from "./address.ts";
import { readCommand } from "./arguments.ts";
import { Failure } from "./exit-codes.ts";

const read = (line: string, environment = {}) =>
  readCommand(line.split(" ").filter(Boolean), environment);

it("reads what to watch", () => {
  expect(
    read(
      "watch --channel chat --channel metrics --channel chat --url http://h:4200 --json --count 3",
    ),
  ).toMatchObject({
    kind: "watch",
    channels: ["chat", "metrics"],
    stream: "main",
    who: { by: "nobody" },
    json: true,
    count: 3,
    waitSeconds: null,
  });
});

it("reads what to say", () => {
  expect(read("chat Good evening --url http://h --stream other --wait 1.5")).toMatchObject({
    kind: "chat",
    text: "Good evening",
    stream: "other",
    waitSeconds: 1.5,
  });
  expect(read("chat --url http://h")).toMatchObject({ kind: "chat", text: null });
});

it("reads whom to ask for, and how to speak", () => {
  expect(read("presence --channel chat --url http://h")).toMatchObject({
    kind: "presence",
    channels: ["chat"],
    format: "json",
    deflate: true,
  });
  expect(
    read("presence --channel chat --url http://h --format msgpack --no-deflate"),
  ).toMatchObject({ format: "msgpack", deflate: false });
});

describe("who connects", () => {
  const url = "--url http://h";
  it.each([
    [`chat ${url} --token t`, {}, { by: "token", token: "t" }],
    [`chat ${url}`, { STREAM_MANAGER_TOKEN: "e" }, { by: "token", token: "e" }],
    [`chat ${url} --token t`, { STREAM_MANAGER_TOKEN: "e" }, { by: "token", token: "t" }],
    [`chat ${url} --token-file f`, { STREAM_MANAGER_TOKEN: "e" }, { by: "token-file", path: "f" }],
    [
      `chat ${url} --user u`,
      { STREAM_MANAGER_PASSWORD: "p" },
      { by: "password", user: "u", password: "p" },
    ],
  ])("%s %o", (line, environment, who) => {
    expect(read(line, environment)).toMatchObject({ who });
  });
});

it.each([
  ["", "help"],
  ["--help", "help"],
  ["watch -h", "help"],
  ["--version", "version"],
])("%s: %s", (line, kind) => {
  expect(read(line)).toEqual({ kind });
});

it.each([
  ["dance", /no command dance/],
  ["--json", /what to do/],
  ["watch --url http://h", /what to watch/],
  ["watch --channel weather --url http://h", /no channel weather; there are .*chat/],
  ["watch --channel chat", /where the system is/],
  ["watch --channel chat --url h:1", /is no address/],
  ["watch --channel chat --url http://h more", /takes no more/],
  ["watch --channel chat --url http://h --count 0", /--count 0/],
  ["chat --url http://h --count 1", /no --channel and no --count/],
  ["chat --url http://h --wait soon", /--wait soon/],
  ["chat --url http://h --token t --user u", /one of/],
  ["chat --url http://h --user u", /STREAM_MANAGER_PASSWORD/],
  ["chat --url http://h --colour", /--colour/],
  ["chat --url http://h --format cbor", /--format cbor: give json or msgpack/],
  ["presence --url http://h", /what to watch/],
  ["presence --channel chat --url http://h --count 2", /no --count/],
  ["presence --channel chat --url http://h now", /takes no now/],
])("refuses %s", (line, words) => {
  const reading = () => read(line);
  expect(reading).toThrow(Failure);
  expect(reading).toThrow(words);
});

it.each([
  ["http://h:4200", "ws://h:4200/ws", "http://h:4200/api/auth/login"],
  ["https://h/stream/", "wss://h/stream/ws", "https://h/stream/api/auth/login"],
  ["https://h/stream", "wss://h/stream/ws", "https://h/stream/api/auth/login"],
  ["wss://h/ws?x=1#y", "wss://h/ws?x=1", "https://h/api/auth/login"],
])("finds the WebSocket and the API of %s", (text, webSocket, api) => {
  const url = webSocketAddress(text);
  expect(url?.href).toBe(webSocket);
  expect(url && apiAddress(url, "api/auth/login").href).toBe(api);
});
