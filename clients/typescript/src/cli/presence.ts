import type { Client } from "../client.ts";
import { ConnectionLostError, NotConnectedError, RequestError } from "../errors.ts";
import type { Channel, Present } from "../protocol/messages.ts";
import type { PresenceOptions } from "./arguments.ts";
import { EXIT, type ExitCode, Failure } from "./exit-codes.ts";
import { connected, runSession, type Session } from "./session.ts";
import type { Terminal } from "./terminal.ts";
import { presenceLines } from "./words.ts";

/** Prints who watches, once. */
export function presence(options: PresenceOptions, terminal: Terminal): Promise<ExitCode> {
  return runSession(options, terminal, (session) => {
    void ask(options, terminal, session).then(session.finish, session.fail);
  });
}

async function ask(
  { channels, stream, json }: PresenceOptions,
  terminal: Terminal,
  { client }: Session,
): Promise<ExitCode> {
  for (const channel of channels) {
    const present = await answer(client, channel, stream);
    terminal.print(
      json
        ? JSON.stringify({ channel, stream, ...present })
        : presenceLines(channel, present, terminal.paint),
    );
  }
  return EXIT.done;
}

/** Asks until there is an answer: a question that was lost can be asked again. */
async function answer(client: Client, channel: Channel, stream: string): Promise<Present> {
  for (;;) {
    await connected(client);
    try {
      return await client.presence(channel, { stream });
    } catch (error) {
      if (error instanceof RequestError) throw refusal(channel, error);
      const wasLost = error instanceof ConnectionLostError || error instanceof NotConnectedError;
      if (!wasLost) throw error;
    }
  }
}

function refusal(channel: Channel, { code, message }: RequestError): Failure {
  const exit = code.startsWith("auth.") ? EXIT.permission : EXIT.refused;
  return new Failure(exit, `${channel}: ${message} (${code})`);
}
