import { Client } from "../client.ts";
import type { LinkState } from "../link/state.ts";
import { jsonCodec } from "../protocol/json-codec.ts";
import { messagePackCodec } from "../protocol/message-pack-codec.ts";
import type { Channel } from "../protocol/messages.ts";
import type { Refused } from "../subscription/events.ts";
import type { LinkOptions } from "./arguments.ts";
import { EXIT, type ExitCode, Failure } from "./exit-codes.ts";
import { proofOf } from "./sign-in.ts";
import type { Terminal } from "./terminal.ts";
import { linkLine, oneLine } from "./words.ts";

/** One run of a command: its client, and how it ends. */
export interface Session {
  readonly client: Client;
  /** Ends the run with a code. */
  readonly finish: (code: ExitCode) => void;
  /** Ends the run with a message for people. */
  readonly fail: (failure: Error) => void;
}

/**
 * Connects, runs `begin`, and says what becomes of the link, until somebody finishes. Resolves with the
 * exit code; rejects with a {@link Failure}.
 */
export async function runSession(
  options: LinkOptions,
  terminal: Terminal,
  begin: (session: Session) => void,
): Promise<ExitCode> {
  const { url, who } = options;
  const client = new Client({
    url,
    proof: proofOf(who, url),
    codec: options.format === "msgpack" ? messagePackCodec : jsonCodec,
    ...(!options.deflate && { inflate: null }),
  });
  const ending = Promise.withResolvers<ExitCode>();
  const session = { client, finish: ending.resolve, fail: ending.reject };
  const { ended } = terminal;
  ended.addEventListener("abort", () => ending.resolve(ended.reason), { once: true });
  const patience = new Patience(options.waitSeconds, () =>
    ending.reject(new Failure(EXIT.unavailable, `no connection to ${url.host}`)),
  );
  client.state.subscribe(() => {
    const state = client.state.get();
    patience.review(state);
    if (state.kind === "refused") ending.reject(refusal(state));
    else if (state.kind !== "closed") {
      terminal.note(oneLine(linkLine(state, url, Date.now())));
    }
  });
  try {
    begin(session);
    client.start();
    return ended.aborted ? ended.reason : await ending.promise;
  } finally {
    patience.end();
    client.close();
  }
}

/** Resolves when there is a connection. */
export function connected({ state }: Client): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const review = () => {
    if (state.get().kind === "live") resolve();
  };
  const end = state.subscribe(review);
  review();
  return promise.finally(end);
}

/** Why a channel is not given, as the end of a run; `null` where it is asked for again by itself. */
export function channelFailure({
  channel,
  code,
  detail,
  retryAt,
}: Refused<Channel>): Failure | null {
  const message = `${channel}: ${detail} (${code})`;
  if (retryAt === null) return new Failure(EXIT.permission, message);
  return code === "stream.not-found" ? new Failure(EXIT.refused, message) : null;
}

function refusal({ because, reason }: Extract<LinkState, { kind: "refused" }>): Failure {
  const code = because === "sign-in" ? EXIT.permission : EXIT.protocol;
  return new Failure(code, reason);
}

/** Runs out when there was no connection for so many seconds. */
class Patience {
  private readonly seconds: number | null;
  private readonly runOut: () => void;
  private timer: NodeJS.Timeout | null = null;

  constructor(seconds: number | null, runOut: () => void) {
    this.seconds = seconds;
    this.runOut = runOut;
  }

  review({ kind }: LinkState): void {
    if (kind === "live") this.end();
    else if (this.seconds !== null) this.timer ??= setTimeout(this.runOut, this.seconds * 1_000);
  }

  end(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
  }
}
