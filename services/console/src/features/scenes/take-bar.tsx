import { Scissors, SkipForward } from "lucide-react";
import { useId } from "react";
import type { TransitionKind } from "../../api/types.ts";
import type { Transition } from "./commands.ts";

const KINDS: Record<TransitionKind, string> = {
  cut: "Cut",
  fade: "Fade",
  wipe: "Wipe",
  slide: "Slide",
};
const LONGEST_MS = 10_000;

interface TakeBarProps {
  readonly transition: Transition;
  readonly onChange: (transition: Transition) => void;
  readonly studio: boolean;
  /** Why nothing can be taken. */
  readonly blocked: string | null;
  readonly onTake: () => void;
  readonly onCut: () => void;
}

/** How the next scene comes on air, and the way there. */
export function TakeBar({ transition, onChange, studio, blocked, onTake, onCut }: TakeBarProps) {
  const [kindId, lengthId] = [useId(), useId()];
  const { kind, durationMs } = transition;
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
            className="button button--primary"
            disabled={blocked !== null}
            title={blocked ?? "Put the preview on air"}
            onClick={onTake}
          >
            <SkipForward size={16} aria-hidden />
            Take
          </button>
        </span>
      )}
    </div>
  );
}
