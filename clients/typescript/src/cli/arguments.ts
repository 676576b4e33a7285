import { parseArgs } from "node:util";
import { CHANNEL_EVENTS } from "../protocol/channels.gen.ts";
import type { Channel } from "../protocol/messages.ts";
import { webSocketAddress } from "./address.ts";
import { EXIT, Failure } from "./exit-codes.ts";

/** What the program was asked to do. */
export type Command =
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  | ({ readonly kind: "watch" } & WatchOptions)
  | ({ readonly kind: "chat" } & ChatOptions)
  | ({ readonly kind: "presence" } & PresenceOptions);

export interface LinkOptions {
  readonly url: URL;
  readonly stream: string;
  readonly who: Who;
  /** Longest wait for a connection, in seconds; `null`: as long as it takes. */
  readonly waitSeconds: number | null;
  readonly json: boolean;
  /** How messages are written. */
  readonly format: Format;
  /** Whether large messages are to come deflated. */
  readonly deflate: boolean;
}

export type Format = "json" | "msgpack";

export interface PresenceOptions extends LinkOptions {
  readonly channels: readonly Channel[];
}

export interface WatchOptions extends LinkOptions {
  readonly channels: readonly Channel[];
  /** Ends after this many events; `null`: never. */
  readonly count: number | null;
}

export interface ChatOptions extends LinkOptions {
  /** Posted, and then the program ends; `null`: each line of the input is posted. */
  readonly text: string | null;
}

/** Who connects. */
export type Who =
  | { readonly by: "nobody" }
  | { readonly by: "token"; readonly token: string }
  /** Read anew before each use, so that something else can renew it. */
  | { readonly by: "token-file"; readonly path: string }
  | { readonly by: "password"; readonly user: string; readonly password: string };

export type Environment = Readonly<Record<string, string | undefined>>;

export const CHANNELS: readonly Channel[] = Object.keys(CHANNEL_EVENTS) as Channel[];

export const USAGE: string = `Watch and steer a Stream Manager's streams from a terminal.

  stream-manager watch --channel CHANNEL [--channel CHANNEL]... --url URL
  stream-manager chat [TEXT] --url URL
  stream-manager presence --channel CHANNEL [--channel CHANNEL]... --url URL

watch     Prints what happens on ${CHANNELS.join(", ")}, from the present value on,
          and goes on after every interruption.
chat      Posts TEXT. Without it, prints the chat and posts each line of the input.
presence  Prints how many watch each channel now, and who, for those who may moderate.

  --url URL          where the system is, as http://host:4200 or wss://host/stream/ws
                     (STREAM_MANAGER_URL)
  --stream NAME      the stream (main)
  --token TOKEN      an access token (better in STREAM_MANAGER_TOKEN: arguments can be seen by others)
  --token-file FILE  a file with an access token, read again before the old one ends
  --user NAME        sign in, with the password in STREAM_MANAGER_PASSWORD; stays signed in
  --json             one JSON document a line, for programs
  --format NAME      how the server writes: json, or msgpack in fewer bytes (json)
  --no-deflate       large messages come as they are; less work, more bytes
  --count N          watch: end after N events
  --wait SECONDS     give up when there is no connection for so long
  --help, --version

Ends with 0 when done, 1 when the server refuses a request, 64 for wrong arguments, 69 without a
connection, 76 when the server ends it for good, 77 without permission, 130 after Ctrl-C.
`;

const OPTIONS = {
  channel: { type: "string", multiple: true },
  url: { type: "string" },
  stream: { type: "string" },
  token: { type: "string" },
  "token-file": { type: "string" },
  user: { type: "string" },
  json: { type: "boolean" },
  format: { type: "string" },
  "no-deflate": { type: "boolean" },
  count: { type: "string" },
  wait: { type: "string" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean" },
} as const;

type Values = ReturnType<typeof parse>["values"];

/** Reads the arguments after the program's name. Throws a {@link Failure} that says what to change. */
export function readCommand(args: readonly string[], environment: Environment): Command {
  const { values, positionals } = parse(args);
  if (values.help) return { kind: "help" };
  if (values.version) return { kind: "version" };
  const [name, ...rest] = positionals;
  switch (name) {
    case "watch":
      return { kind: "watch", ...readWatch(values, rest, environment) };
    case "chat":
      return { kind: "chat", ...readChat(values, rest, environment) };
    case "presence":
      return { kind: "presence", ...readPresence(values, rest, environment) };
    case undefined:
      return args.length === 0
        ? { kind: "help" }
        : wrong("say what to do: watch, chat or presence");
    default:
      return wrong(`there is no command ${name}; there are watch, chat and presence`);
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    return wrong(error instanceof Error ? error.message : String(error));
  }
}

function readWatch(
  values: Values,
  rest: readonly string[],
  environment: Environment,
): WatchOptions {
  if (rest.length > 0) wrong(`watch takes no ${rest.join(" ")}`);
  const channels = readChannels(values);
  const count = values.count === undefined ? null : readCount(values.count);
  return { ...readLink(values, environment), channels, count };
}

function readPresence(
  values: Values,
  rest: readonly string[],
  environment: Environment,
): PresenceOptions {
  if (rest.length > 0) wrong(`presence takes no ${rest.join(" ")}`);
  if (values.count !== undefined) wrong("presence takes no --count");
  return { ...readLink(values, environment), channels: readChannels(values) };
}

function readChat(values: Values, rest: readonly string[], environment: Environment): ChatOptions {
  if (values.channel || values.count !== undefined) wrong("chat takes no --channel and no --count");
  const text = rest.length > 0 ? rest.join(" ") : null;
  return { ...readLink(values, environment), text };
}

function readLink(values: Values, environment: Environment): LinkOptions {
  const url = values.url ?? environment.STREAM_MANAGER_URL;
  if (!url) return wrong("say where the system is: --url http://127.0.0.1:4200");
  return {
    url: webSocketAddress(url) ?? wrong(`--url ${url} is no address such as http://127.0.0.1:4200`),
    stream: values.stream ?? "main",
    who: readWho(values, environment),
    waitSeconds: values.wait === undefined ? null : readSeconds(values.wait),
    json: values.json ?? false,
    format: readFormat(values.format ?? "json"),
    deflate: !values["no-deflate"],
  };
}

function readWho(values: Values, environment: Environment): Who {
  const { token, user } = values;
  const path = values["token-file"];
  const given = [token, path, user].filter((value) => value !== undefined);
  if (given.length > 1) wrong("give one of --token, --token-file and --user");
  if (path !== undefined) return { by: "token-file", path };
  if (user !== undefined) {
    const password = environment.STREAM_MANAGER_PASSWORD;
    if (!password) return wrong("--user needs the password in STREAM_MANAGER_PASSWORD");
    return { by: "password", user, password };
  }
  const known = token ?? environment.STREAM_MANAGER_TOKEN;
  return known ? { by: "token", token: known } : { by: "nobody" };
}

function readFormat(name: string): Format {
  return name === "json" || name === "msgpack"
    ? name
    : wrong(`--format ${name}: give json or msgpack`);
}

/** What is watched, each once. */
function readChannels(values: Values): Channel[] {
  const channels = (values.channel ?? []).map(readChannel);
  if (channels.length === 0) wrong(`say what to watch: --channel ${CHANNELS.join(", ")}`);
  return [...new Set(channels)];
}

function readChannel(name: string): Channel {
  const channel = CHANNELS.find((known) => known === name);
  return channel ?? wrong(`there is no channel ${name}; there are ${CHANNELS.join(", ")}`);
}

function readCount(text: string): number {
  return /^[1-9]\d{0,8}$/.test(text)
    ? Number(text)
    : wrong(`--count ${text}: give a whole number from 1 up`);
}

function readSeconds(text: string): number {
  return /^\d{1,6}(\.\d+)?$/.test(text)
    ? Number(text)
    : wrong(`--wait ${text}: give a number of seconds`);
}

function wrong(message: string): never {
  throw new Failure(EXIT.usage, `${message}\nstream-manager --help says more.`);
}
