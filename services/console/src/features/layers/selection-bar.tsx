import { CopyPlus, Group as GroupIcon } from "lucide-react";
import { useState } from "react";
import type { Layer } from "../../api/types.ts";
import { useRuntime } from "../../runtime-context.ts";
import { CopyLayersDialog } from "./copy-layers-dialog.tsx";
import { whyNoGroup } from "./groups.ts";

interface SelectionBarProps {
  readonly frontToBack: readonly Layer[];
  readonly selected: ReadonlySet<string>;
  readonly onEnd: () => void;
}

/** What can be done with the selected layers. */
export function SelectionBar({ frontToBack, selected, onEnd }: SelectionBarProps) {
  const { groupCommands } = useRuntime();
  const [copying, setCopying] = useState(false);
  const chosen = frontToBack.filter(({ id }) => selected.has(id));
  const ids = chosen.map(({ id }) => id);
  const refusal = whyNoGroup(frontToBack, selected);

  const make = async () => {
    const name = `Group of ${chosen[0]?.name ?? "layers"}`.slice(0, 100);
    if (await groupCommands.make(name, ids)) onEnd();
  };

  return (
    <div className="layers__selection" role="toolbar" aria-label="Selected layers">
      <span>{ids.length} selected</span>
      <button
        type="button"
        className="button"
        disabled={refusal !== null}
        title={refusal ?? undefined}
        onClick={() => void make()}
      >
        <GroupIcon size={16} aria-hidden />
        Group
      </button>
      <button
        type="button"
        className="button"
        disabled={ids.length === 0}
        onClick={() => setCopying(true)}
      >
        <CopyPlus size={16} aria-hidden />
        Copy to scene…
      </button>
      {refusal && ids.length > 0 && <span className="layers__refusal">{refusal}</span>}
      {copying && (
        <CopyLayersDialog
          layers={ids}
          onClose={() => {
            setCopying(false);
            onEnd();
          }}
        />
      )}
    </div>
  );
}
