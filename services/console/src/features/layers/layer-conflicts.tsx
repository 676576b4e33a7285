import { useRuntime } from "../../runtime-context.ts";
import { Message } from "../../ui/message.tsx";
import { fieldLabel } from "./kinds.ts";
import type { Conflict } from "./merge.ts";
import { valueAt } from "./patch.ts";
import { show } from "./show-value.ts";

interface LayerConflictsProps {
  readonly layer: string;
  readonly conflicts: readonly Conflict[];
}

/** Both versions of each field that two people changed, and what to do about it. */
export function LayerConflicts({ layer, conflicts }: LayerConflictsProps) {
  const { layers, layerWriter } = useRuntime();
  const all = conflicts.map(({ pointer }) => pointer);
  return (
    <Message
      tone="warn"
      alert
      actions={
        conflicts.length > 1 && (
          <>
            <button
              type="button"
              className="button"
              onClick={() => layerWriter.settle(layer, all, "mine")}
            >
              Keep all mine
            </button>
            <button
              type="button"
              className="button"
              onClick={() => layerWriter.settle(layer, all, "theirs")}
            >
              Use all theirs
            </button>
          </>
        )
      }
    >
      Somebody else changed the same. Theirs is on air until you decide.
      <span className="layer-conflicts">
        {conflicts.map((conflict) => (
          <ConflictingField
            key={conflict.pointer}
            conflict={conflict}
            // They may have gone on.
            theirs={valueAt(layers.layer(layer), conflict.pointer)}
            settle={(keep) => layerWriter.settle(layer, [conflict.pointer], keep)}
          />
        ))}
      </span>
    </Message>
  );
}

interface ConflictingFieldProps {
  readonly conflict: Conflict;
  readonly theirs: unknown;
  readonly settle: (keep: "mine" | "theirs") => void;
}

function ConflictingField({ conflict, theirs, settle }: ConflictingFieldProps) {
  const { pointer, base, mine } = conflict;
  const name = fieldLabel(pointer);
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset cannot be in a line of text
    <span className="layer-conflicts__field" role="group" aria-label={name}>
      <span className="layer-conflicts__name">
        {name}, before: {show(base)}
      </span>
      <span className="layer-conflicts__value">Yours: {show(mine)}</span>
      <button
        type="button"
        className="button"
        aria-label={`Keep my ${name}`}
        onClick={() => settle("mine")}
      >
        Keep mine
      </button>
      <span className="layer-conflicts__value">Theirs: {show(theirs)}</span>
      <button
        type="button"
        className="button"
        aria-label={`Use their ${name}`}
        onClick={() => settle("theirs")}
      >
        Use theirs
      </button>
    </span>
  );
}
