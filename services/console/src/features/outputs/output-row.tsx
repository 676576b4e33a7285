import { Pencil, Play, RotateCw, Square, Trash2 } from "lucide-react";
import type { Failure } from "../../api/problem.ts";
import type { AdaptiveState, OutputState, OutputView } from "../../api/types.ts";
import { useRuntime } from "../../runtime-context.ts";
import { formatAge, formatBytes, formatNumber, formatUtc } from "../../ui/format.ts";
import { IconButton } from "../../ui/icon-button.tsx";
import { Message } from "../../ui/message.tsx";
import { useTickingText } from "../../ui/use-ticker.ts";
import { StatusChip } from "./status-chip.tsx";
import { figuresOf, HLS } from "./store.ts";
import { KINDS } from "./words.ts";

export interface OutputRowProps {
  readonly output: OutputView;
  /** How it does; `null` when nobody has said. */
  readonly observed: OutputState | null;
  /** A command is on its way to it. */
  readonly isBusy: boolean;
  /** Why nothing can be changed; `null` when it can. */
  readonly blocked: string | null;
  /** Why the last command was refused. */
  readonly failure: Failure | null;
  readonly onEdit: () => void;
  readonly onDelete: () => void;
}

export function OutputRow(props: OutputRowProps) {
  const { output, observed, failure } = props;
  const { outputWriter } = useRuntime();
  const { label, icon: Icon } = KINDS[output.kind];
  const isTried = observed?.status === "connecting" || observed?.status === "reconnecting";
  return (
    <li className="output" data-output={output.id} title={props.blocked ?? undefined}>
      <div className="output__head">
        <Icon className="output__kind" size={18} aria-hidden />
        <div className="output__title">
          <span className="output__name">{output.name}</span>
          <span className="output__target">
            {label} · {targetText(output)}
          </span>
        </div>
        <StatusChip kind={output.kind} status={observed?.status ?? null} />
        {output.id !== HLS && <Buttons {...props} />}
      </div>
      {observed && <Figures output={output} observed={observed} />}
      {observed?.error && (
        <p className="output__error" data-tone={observed.status === "failed" ? "bad" : "warn"}>
          {observed.error} {observed.code && <code>{observed.code}</code>}
          {isTried && observed.next_attempt_at && (
            <NextAttempt at={observed.next_attempt_at} attempts={observed.attempts} />
          )}
        </p>
      )}
      {failure && (
        <Message tone="bad" alert onDismiss={() => outputWriter.dismiss(output.id)}>
          Not done. {failure.message}
        </Message>
      )}
    </li>
  );
}

function Buttons({ output, isBusy, blocked, onEdit, onDelete }: OutputRowProps) {
  const { outputWriter } = useRuntime();
  const disabled = blocked !== null;
  const { id, name, enabled } = output;
  return (
    <div className="output__buttons">
      <IconButton
        icon={enabled ? Square : Play}
        label={enabled ? `Stop ${name}` : `Start ${name}`}
        disabled={disabled}
        aria-disabled={isBusy}
        onClick={() => void outputWriter.steer(id, enabled ? "stop" : "start")}
      />
      <IconButton
        icon={RotateCw}
        label={`Restart ${name}`}
        disabled={disabled || !enabled}
        aria-disabled={isBusy}
        onClick={() => void outputWriter.steer(id, "restart")}
      />
      <IconButton icon={Pencil} label={`Edit ${name}`} disabled={disabled} onClick={onEdit} />
      <IconButton icon={Trash2} label={`Delete ${name}`} disabled={disabled} onClick={onDelete} />
    </div>
  );
}

/** Less than this waits for every target now and then. */
const QUEUE_SHOWN_MS = 500;

interface FiguresProps {
  readonly output: OutputView;
  readonly observed: OutputState;
}

/** Since when, and what went out. A figure that is not known is left out. */
function Figures({ output, observed }: FiguresProps) {
  const { serverClock } = useRuntime();
  const age = useTickingText<HTMLSpanElement>(() => formatAge(serverClock.since(observed.since)));
  const figures = figuresOf(output, observed);
  const isSending = observed.status === "live";
  const written = figures && output.kind === "file" ? formatBytes(figures.bytes_total) : null;
  return (
    <p className="output__figures">
      <span title={formatUtc(observed.since)}>
        for <span ref={age} />
      </span>
      {isSending && figures?.bitrate_kbps != null && (
        <span>{formatNumber(figures.bitrate_kbps)} kbit/s</span>
      )}
      {observed.adaptive && <Adapting state={observed.adaptive} />}
      {isSending && written && <span>{written.join(" ")} written</span>}
      {figures?.srt?.readers != null && <span>{count(figures.srt.readers, "reader")}</span>}
      {isSending && figures?.srt?.rtt_ms != null && (
        <span>{formatNumber(figures.srt.rtt_ms)} ms round trip</span>
      )}
      {isSending && (figures?.queue_ms ?? 0) >= QUEUE_SHOWN_MS && (
        <span>{formatNumber(figures?.queue_ms ?? null)} ms waiting</span>
      )}
      {isSending && (figures?.srt?.packets_retransmitted_total ?? 0) > 0 && (
        <span>{count(figures?.srt?.packets_retransmitted_total ?? 0, "packet")} sent again</span>
      )}
      {isSending && (figures?.srt?.packets_lost_total ?? 0) > 0 && (
        <span>{count(figures?.srt?.packets_lost_total ?? 0, "packet")} lost on the way</span>
      )}
      {observed.reconnects > 0 && <span>{count(observed.reconnects, "reconnect")}</span>}
      {(figures?.frames_dropped ?? 0) > 0 && (
        <span>{count(figures?.frames_dropped ?? 0, "frame")} left out</span>
      )}
    </p>
  );
}

/** Whether it is sent less than the program, how much, and since when. */
function Adapting({ state }: { readonly state: AdaptiveState }) {
  const { serverClock } = useRuntime();
  const age = useTickingText<HTMLSpanElement>(() => formatAge(serverClock.since(state.since)));
  if (state.reduced) {
    return (
      <span className="output__reduced" title={formatUtc(state.since)}>
        reduced to {formatNumber(state.video_kbps)} kbit/s for <span ref={age} />
      </span>
    );
  }
  return state.code ? (
    <span className="output__reduced">
      cannot be reduced <code>{state.code}</code>
    </span>
  ) : null;
}

interface NextAttemptProps {
  readonly at: string;
  readonly attempts: number;
}

function NextAttempt({ at, attempts }: NextAttemptProps) {
  const { serverClock } = useRuntime();
  const text = useTickingText<HTMLSpanElement>(() => {
    const leftMs = Date.parse(at) - serverClock.now();
    return leftMs > 0 ? `tries again in ${Math.ceil(leftMs / 1_000)} s` : "trying again now";
  });
  return (
    <span className="output__attempt">
      {attempts > 0 && `${count(attempts, "attempt")} failed; `}
      <span ref={text} />
    </span>
  );
}

function count(number: number, thing: string): string {
  return `${formatNumber(number)} ${thing}${number === 1 ? "" : "s"}`;
}

function targetText({ kind, target }: OutputView): string {
  if ("has_key" in target) return `${target.url} · ${target.has_key ? "key kept" : "no key"}`;
  if ("has_passphrase" in target) {
    const side = target.mode === "listener" ? "listens on " : "";
    return `${side}${target.url} · ${target.has_passphrase ? "encrypted" : "not encrypted"}`;
  }
  if ("format" in target) return target.format === "mkv" ? "Matroska" : "MP4";
  return KINDS[kind].about;
}
