import type { StreamState } from "../../api/types.ts";
import { useRuntime } from "../../runtime-context.ts";
import { formatAge, formatTime, formatUtc } from "../../ui/format.ts";
import { useTickingText } from "../../ui/use-ticker.ts";
import { STATUS_WORDS } from "./status.ts";

/** The status, why, and since when, in a sentence. */
export function StateLine({ state }: { readonly state: StreamState }) {
  const { serverClock } = useRuntime();
  const { label, meaning, tone } = STATUS_WORDS[state.status];
  const age = useTickingText<HTMLSpanElement>(
    () => `for ${formatAge(serverClock.since(state.since))}`,
  );
  return (
    <p className="state-line" data-tone={tone}>
      <strong className="state-line__word">{label}</strong>
      <span className="state-line__reason" data-testid="reason">
        {state.reason ?? meaning}
      </span>
      <span className="state-line__since">
        Since <time title={formatUtc(state.since)}>{formatTime(state.since)}</time>,{" "}
        <span ref={age} />
      </span>
    </p>
  );
}
