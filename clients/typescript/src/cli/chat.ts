import { createInterface } from "node:readline/promises";
import { ConnectionLostError, NotConnectedError, RequestError } from "../errors.ts";
import type { SubscriptionEvent } from "../subscription/events.ts";
import type { ChatOptions } from "./arguments.ts";
import { EXIT, type ExitCode, Failure } from "./exit-codes.ts";
import { channelFailure, connected, runSession, type Session } from "./session.ts";
import type { Terminal } from "./terminal.ts";
import { eventLine, oneLine } from "./words.ts";

/** Posts one message, or reads and writes along. */
export function chat(options: ChatOptions, terminal: Terminal): Promise<ExitCode> {
  const { text } = options;
  return runSession(options, terminal, (session) => {
    if (text === null) void converse(options, terminal, session).catch(session.fail);
    else void postWhenConnected(text, options, session).then(session.finish, session.fail);
  });
}

async function postWhenConnected(
  text: string,
  { stream }: ChatOptions,
  { client }: Session,
): Promise<ExitCode> {
  await connected(client);
  await client.publish("chat", text, { stream }).catch((error: unknown) => {
    throw new Failure(EXIT.refused, why(error));
  });
  return EXIT.done;
}

/** Prints the chat, and posts line by line until the input ends. */
async function converse(
  options: ChatOptions,
  terminal: Terminal,
  { client, finish, fail }: Session,
): Promise<void> {
  const { stream, json } = options;
  const print = (event: SubscriptionEvent<"chat">) => {
    const failure = event.type === "refused" ? channelFailure(event) : null;
    if (failure) fail(failure);
    const line = json ? JSON.stringify(event) : eventLine(event, terminal.paint);
    if (line !== null) terminal.print(line);
  };
  client.subscribe("chat", { stream }, print);
  for await (const line of createInterface({ input: terminal.input, signal: terminal.ended })) {
    if (!line.trim()) continue;
    await connected(client);
    // What was refused is said, and the conversation goes on.
    await client
      .publish("chat", line, { stream })
      .catch((error: unknown) => terminal.note(terminal.paint.bad(oneLine(why(error)))));
  }
  finish(EXIT.done);
}

function why(error: unknown): string {
  if (error instanceof RequestError) return `not posted: ${error.message} (${error.code})`;
  if (error instanceof NotConnectedError || error instanceof ConnectionLostError) {
    return error.message;
  }
  throw error;
}
