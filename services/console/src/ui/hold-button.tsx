import { type ReactNode, useEffect, useRef, useState } from "react";

/** How long it must be held. Mirrored by the fill's duration in `hold-button.css`. */
export const HOLD_MS = 1_200;
const HINT_MS = 3_000;

interface HoldButtonProps {
  readonly children: ReactNode;
  readonly holding: ReactNode;
  readonly hint: string;
  /** Held to the end. */
  readonly onHeld: () => void;
  /** Operated from the keyboard or by an assistive tool, which cannot hold: ask instead. */
  readonly onAsk: () => void;
}

/** A button that acts only when pressed for a while. A tap does nothing but say so. */
export function HoldButton({ children, holding, hint, onHeld, onAsk }: HoldButtonProps) {
  const [isHeld, setHeld] = useState(false);
  const [showHint, setShowHint] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const pressedByPointer = useRef(false);

  useEffect(() => () => clearTimeout(timer.current), []);

  const press = () => {
    pressedByPointer.current = true;
    clearTimeout(timer.current);
    setShowHint(false);
    setHeld(true);
    timer.current = setTimeout(() => {
      setHeld(false);
      onHeld();
    }, HOLD_MS);
  };

  const release = () => {
    if (!isHeld) return;
    clearTimeout(timer.current);
    setHeld(false);
    setShowHint(true);
    timer.current = setTimeout(() => setShowHint(false), HINT_MS);
  };

  return (
    <span className="hold">
      <button
        type="button"
        className="button hold__button"
        data-holding={isHeld || undefined}
        onPointerDown={(event) => {
          if (event.button === 0) press();
        }}
        onPointerUp={release}
        onPointerLeave={release}
        onPointerCancel={release}
        onContextMenu={(event) => event.preventDefault()}
        onKeyDown={(event) => {
          if (event.key !== " " && event.key !== "Enter") return;
          event.preventDefault();
          if (!event.repeat) onAsk();
        }}
        onClick={(event) => {
          // A click without a press comes from an assistive tool.
          if (event.detail === 0 && !pressedByPointer.current) onAsk();
          pressedByPointer.current = false;
        }}
      >
        <span className="hold__fill" aria-hidden />
        <span className="hold__label">{isHeld ? holding : children}</span>
      </button>
      {showHint && (
        <span className="hold__hint" role="status">
          {hint}
        </span>
      )}
    </span>
  );
}
