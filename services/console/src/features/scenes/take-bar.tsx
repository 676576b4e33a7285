import { ArrowDown, ArrowLeft, ArrowRight, ArrowUp, Scissors, SkipForward } from "lucide-react";
import { useId } from "react";
import type { Direction, Easing, Take, TransitionKind } from "../../api/types.ts";
import { IconButton } from "../../ui/icon-button.tsx";
import { EASINGS } from "../layers/options.ts";
import type { Transition } from "./commands.ts";

const KINDS: Record<TransitionKind, string> = {
  cut: "Cut",
  fade: "Fade",
  wipe: "Wipe",
  slide: "Slide",
};
const DIRECTIONS = [
  { direction: "left", icon: ArrowLeft },
  { direction: "right", icon: ArrowRight },
  { direction: "up", icon: ArrowUp },
  { direction: "down", icon: ArrowDown },
] as const satisfies readonly { direction: Direction; icon: unknown }[];
const LONGEST_MS = 10_000;

interface TakeBarProps {
  readonly transition: Transition;
  readonly onChange: (transition: Transition) => void;
  readonly studio: boolean;
  /** The take that is on its way. */
  readonly coming: Take | null;
  /** Why nothing can be taken. */
  readonly blocked: string | null;
  readonly onTake: () => void;
  readonly onCut: () => void;
}

/** How the next scene comes on air, and the way there. */
export function TakeBar(props: TakeBarProps) {
  const { transition, onChange, studio, coming, blocked, onTake, onCut } = props;
  const [kindId, lengthId, easingId] = [useId(), useId(), useId()];
  const { kind, direction, durationMs, easing } = transition;
  const moves = kind === "wipe" || kind === "slide";
  return (
    <div className="take-bar">
      <label htmlFor={kindId}>Transition</label>
      <select
        id={kindId}
        className="input"
        value={kind}
        onChange={(event) =>
          onChange({ ...transition, kind: event.target.value as TransitionKind })
        }
      >
        {Object.entries(KINDS).map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
      {moves && (
        <fieldset className="take-bar__directions">
          <legend className="visually-hidden">Where it moves to</legend>
          {DIRECTIONS.map((one) => (
            <IconButton
              key={one.direction}
              icon={one.icon}
              label={`Move ${one.direction}`}
              aria-pressed={direction === one.direction}
              onClick={() => onChange({ ...transition, direction: one.direction })}
            />
          ))}
        </fieldset>
      )}
      <label htmlFor={lengthId}>ms</label>
      <input
        id={lengthId}
        className="input take-bar__length"
        type="number"
        min={0}
        max={LONGEST_MS}
        step={100}
        disabled={kind === "cut"}
        value={durationMs}
        onChange={(event) => {
          const length = Math.round(event.target.valueAsNumber);
          if (length >= 0 && length <= LONGEST_MS) onChange({ ...transition, durationMs: length });
        }}
      />
      {kind !== "cut" && (
        <>
          <label htmlFor={easingId} className="visually-hidden">
            Easing
          </label>
          <select
            id={easingId}
            className="input"
            value={easing}
            onChange={(event) => onChange({ ...transition, easing: event.target.value as Easing })}
          >
            {Object.entries(EASINGS).map(([value, label]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
        </>
      )}
      {studio && (
        <span className="take-bar__buttons">
          <button
            type="button"
            className="button"
            disabled={blocked !== null}
            title={blocked ?? "Put the preview on air at once"}
            onClick={onCut}
          >
            <Scissors size={16} aria-hidden />
            Cut
          </button>
          <button
            type="button"
            className="button button--primary take-bar__take"
            disabled={blocked !== null}
            title={blocked ?? "Put the preview on air"}
            onClick={onTake}
          >
            <SkipForward size={16} aria-hidden />
            Take
            {coming && <Progress key={coming.number} take={coming} />}
          </button>
        </span>
      )}
      {!studio && coming && <Progress key={coming.number} take={coming} />}
    </div>
  );
}

/** How far a take is on its way. */
function Progress({ take: { transition } }: { readonly take: Take }) {
  const kind = KINDS[transition.kind ?? "cut"].toLowerCase();
  return (
    <span
      className="take-bar__progress"
      role="status"
      aria-label={`A ${kind} is on its way`}
      style={{ animationDuration: `${transition.duration_ms ?? 0}ms` }}
    />
  );
}
