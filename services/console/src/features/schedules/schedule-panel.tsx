import { CalendarPlus, X } from "lucide-react";
import { lazy, Suspense, useEffect, useState } from "react";
import type { Failure } from "../../api/problem.ts";
import type { EndedSchedule, WaitingSchedule } from "../../api/types.ts";
import { useObservable } from "../../observable.ts";
import { useForbidden, useRuntime } from "../../runtime-context.ts";
import { formatUtc } from "../../ui/format.ts";
import { IconButton } from "../../ui/icon-button.tsx";
import { Message } from "../../ui/message.tsx";
import { useTickingText } from "../../ui/use-ticker.ts";
import { useBlocked } from "../link/use-link.ts";
import { deedOf, endOf, type Names, triggerOf, untilOf } from "./words.ts";
import "./schedules.css";

/** Of those that are over, so many are shown. */
const ENDED_MAX = 10;

// Most people never schedule anything.
const ScheduleDialog = lazy(async () => ({
  default: (await import("./schedule-dialog.tsx")).ScheduleDialog,
}));

/** What is done later. Only for who may edit layers. */
export function SchedulePanel() {
  const forbidden = useForbidden("edit-layers");
  return forbidden ? null : <Panel />;
}

function Panel() {
  const { schedules: store } = useRuntime();
  const list = useObservable(store.list);
  const unread = useObservable(store.failure);
  const blocked = useBlocked();
  const names = useNames();
  const [adding, setAdding] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const waiting = list ? inOrder(list.waiting) : [];
  const ended = list?.ended.slice(0, ENDED_MAX) ?? [];

  useEffect(() => {
    if (blocked === null) void store.load();
  }, [blocked, store]);

  return (
    <section className="panel schedules" aria-labelledby="schedules-title">
      <header className="panel__head">
        <h2 id="schedules-title" className="panel__title schedules__title">
          Schedules
        </h2>
        <button
          type="button"
          className="button"
          disabled={blocked !== null}
          title={blocked ?? undefined}
          onClick={() => setAdding(true)}
        >
          <CalendarPlus size={16} aria-hidden />
          Add schedule
        </button>
      </header>
      {unread && <Message tone="warn">The schedules could not be read. {unread.message}</Message>}
      {failure && (
        <Message tone="bad" alert onDismiss={() => setFailure(null)}>
          {failure.message}
        </Message>
      )}
      {list && waiting.length === 0 && <p className="schedules__note">Nothing is scheduled.</p>}
      <ol className="schedules__list" aria-label="Waiting schedules">
        {waiting.map((schedule) => (
          <Waiting
            key={schedule.id}
            schedule={schedule}
            names={names}
            blocked={blocked}
            onWithdraw={() => void store.withdraw(schedule.id).then(setFailure)}
          />
        ))}
      </ol>
      {ended.length > 0 && (
        <details className="schedules__ended">
          <summary>What became of earlier ones</summary>
          <ol className="schedules__list" aria-label="Earlier schedules">
            {ended.map((one) => (
              <Ended key={one.schedule.id} ended={one} names={names} />
            ))}
          </ol>
        </details>
      )}
      {adding && (
        <Suspense>
          <ScheduleDialog onClose={() => setAdding(false)} />
        </Suspense>
      )}
    </section>
  );
}

interface WaitingProps {
  readonly schedule: WaitingSchedule;
  readonly names: Names;
  readonly blocked: string | null;
  readonly onWithdraw: () => void;
}

function Waiting({ schedule, names, blocked, onWithdraw }: WaitingProps) {
  const { serverClock } = useRuntime();
  const { name, due_at, trigger, user_name } = schedule;
  const until = useTickingText<HTMLSpanElement>(() =>
    due_at ? untilOf(due_at, serverClock.now()) : "waits",
  );
  return (
    <li className="schedule" title={blocked ?? undefined}>
      <div className="schedule__what">
        <span className="schedule__name">{name}</span>
        <span className="schedule__words" title={due_at ? formatUtc(due_at) : undefined}>
          {deedOf(schedule, names)}, {triggerOf(trigger, names)} · {user_name}
        </span>
      </div>
      <span className="schedule__until" ref={until} />
      <IconButton
        icon={X}
        label={`Withdraw ${name}`}
        disabled={blocked !== null}
        onClick={onWithdraw}
      />
    </li>
  );
}

interface EndedProps {
  readonly ended: EndedSchedule;
  readonly names: Names;
}

function Ended({ ended, names }: EndedProps) {
  return (
    <li className="schedule" data-outcome={ended.outcome}>
      <div className="schedule__what">
        <span className="schedule__name">{ended.schedule.name}</span>
        <span className="schedule__words">{deedOf(ended.schedule, names)}</span>
        <span className="schedule__end">{endOf(ended)}</span>
      </div>
    </li>
  );
}

/** Those that are due first come first, and those that wait for something after them. */
function inOrder(waiting: readonly WaitingSchedule[]): readonly WaitingSchedule[] {
  const dueAt = ({ due_at }: WaitingSchedule) =>
    due_at ? Date.parse(due_at) : Number.POSITIVE_INFINITY;
  return waiting.toSorted((a, b) => {
    const [one, other] = [dueAt(a), dueAt(b)];
    return one === other ? 0 : one - other;
  });
}

function useNames(): Names {
  const { scenes, layers } = useRuntime();
  const list = useObservable(scenes.list);
  const shown = useObservable(layers.scene);
  return {
    scene: (id) => list?.scenes.find((scene) => scene.id === id)?.name ?? null,
    layer: (id) => shown?.layers.find((layer) => layer.id === id)?.name ?? null,
  };
}
