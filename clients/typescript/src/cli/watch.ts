import type { Channel } from "../protocol/messages.ts";
import type { SubscriptionEvent } from "../subscription/events.ts";
import type { WatchOptions } from "./arguments.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { channelFailure, runSession, type Session } from "./session.ts";
import type { Terminal } from "./terminal.ts";
import { eventLine } from "./words.ts";

/** Prints what happens on channels. */
export function watch(options: WatchOptions, terminal: Terminal): Promise<ExitCode> {
  let left = options.count ?? Number.POSITIVE_INFINITY;
  const hear = (event: SubscriptionEvent<Channel>, session: Session) => {
    if (left === 0) return;
    if (event.type === "refused") {
      const failure = channelFailure(event);
      if (failure) session.fail(failure);
      return;
    }
    const line = options.json ? JSON.stringify(event) : eventLine(event, terminal.paint);
    if (line !== null) terminal.print(line);
    if (event.type === "snapshot" || event.type === "resumed") return;
    left -= 1;
    if (left === 0) session.finish(EXIT.done);
  };
  return runSession(options, terminal, (session) => {
    for (const channel of options.channels) {
      session.client.subscribe(channel, { stream: options.stream }, (event) =>
        hear(event, session),
      );
    }
  });
}
