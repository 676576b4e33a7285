import { useObservable } from "../../observable.ts";
import { useRuntime } from "../../runtime-context.ts";
import { useNow } from "../../ui/use-ticker.ts";
import { type LinkWords, linkWords } from "./words.ts";

/** The link in words that count; renders each second while something counts. */
export function useLinkWords(): LinkWords {
  const { connection, poller } = useRuntime();
  const link = useObservable(connection.state);
  const polling = useObservable(poller.state);
  const now = useNow(link.kind === "stale" || link.kind === "waiting");
  return linkWords(link, polling, now);
}

/** Why no command is taken now; `null` when commands are. Renders only when that changes. */
export function useBlocked(): string | null {
  const { connection, poller } = useRuntime();
  const link = useObservable(connection.state);
  const polling = useObservable(poller.state);
  return linkWords(link, polling, 0).blocked;
}

/** Whether what is shown may be old. */
export function useMayBeOld(): boolean {
  const link = useObservable(useRuntime().connection.state);
  const polling = useObservable(useRuntime().poller.state);
  if (link.kind === "live") return !link.hearsEvents;
  return polling !== "working";
}
