import { Redo2, Undo2 } from "lucide-react";
import { useEffect } from "react";
import { useObservable } from "../../observable.ts";
import { useRuntime } from "../../runtime-context.ts";
import { IconButton } from "../../ui/icon-button.tsx";
import { Message } from "../../ui/message.tsx";
import type { Direction } from "./history.ts";
import { fieldLabel } from "./kinds.ts";
import { show } from "./show-value.ts";

/** Undo and redo, named after what they would do; also Ctrl+Z and Ctrl+Shift+Z. */
export function HistoryButtons({ blocked }: { readonly blocked: string | null }) {
  const { layerHistory } = useRuntime();
  const next = useObservable(layerHistory.next);

  useEffect(() => {
    if (blocked !== null) return;
    const onKey = (event: KeyboardEvent) => {
      const direction = directionOf(event);
      if (!direction || isTaken(event)) return;
      event.preventDefault();
      void layerHistory.step(direction);
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [blocked, layerHistory]);

  const label = (direction: Direction, verb: string) => {
    const step = next[direction];
    return step ? `${verb} ${step.name}` : `Nothing to ${verb.toLowerCase()}`;
  };
  return (
    <>
      <IconButton
        icon={Undo2}
        label={label("undo", "Undo")}
        disabled={blocked !== null || !next.undo}
        onClick={() => void layerHistory.step("undo")}
      />
      <IconButton
        icon={Redo2}
        label={label("redo", "Redo")}
        disabled={blocked !== null || !next.redo}
        onClick={() => void layerHistory.step("redo")}
      />
    </>
  );
}

/** Why the last step was not made, and what can be done about it. */
export function HistoryNote() {
  const { layerHistory, layers } = useRuntime();
  const note = useObservable(layerHistory.note);
  if (!note) return null;
  const { direction, failure } = note;
  const conflicts = failure.conflicts ?? [];
  const nameOf = (id: string | null | undefined) =>
    id ? (layers.layer(id)?.name ?? "A deleted layer") : "The scene";
  return (
    <Message
      tone="warn"
      alert
      onDismiss={() => layerHistory.dismiss()}
      actions={
        failure.status !== 0 &&
        failure.code !== "layer.history.empty" && (
          <>
            {conflicts.length > 0 && (
              <button
                type="button"
                className="button"
                onClick={() => void layerHistory.step(direction, "keep")}
              >
                {direction === "undo" ? "Undo the rest" : "Redo the rest"}
              </button>
            )}
            <button
              type="button"
              className="button"
              onClick={() => void layerHistory.step(direction, "skip")}
            >
              Skip this step
            </button>
          </>
        )
      }
    >
      {conflicts.length === 0 ? failure.message : "Somebody else has changed the same since. "}
      {conflicts.map(({ layer, pointer, wanted, current }) => (
        <span key={`${layer} ${pointer}`} className="layer-note__field">
          {nameOf(layer)}, {pointer ? fieldLabel(pointer) : "all of it"}: {show(current)} now, would
          be {show(wanted)}.
        </span>
      ))}
    </Message>
  );
}

function directionOf(event: KeyboardEvent): Direction | null {
  const command = (event.ctrlKey || event.metaKey) && !event.altKey;
  if (!command || event.key.toLowerCase() !== "z") return null;
  return event.shiftKey ? "redo" : "undo";
}

/** Inputs with an undo of their own. */
const WRITTEN_IN = new Set(["text", "search", "url", "password", "number", "email", "tel"]);

/** Whether the keys mean something else there: text that is being written, or a dialog. */
function isTaken({ target }: KeyboardEvent): boolean {
  if (document.querySelector("dialog[open]")) return true;
  if (target instanceof HTMLTextAreaElement) return true;
  if (target instanceof HTMLInputElement) return WRITTEN_IN.has(target.type);
  return target instanceof HTMLElement && target.isContentEditable;
}
