import type { TickerSource } from "../../api/types.ts";
import { DraftField, NumberField, SelectField } from "../../ui/fields.tsx";
import { DIRECTIONS } from "./options.ts";
import type { Patch } from "./patch.ts";
import { linesOf, linesPatch } from "./ticker.ts";

interface TickerFieldsProps {
  readonly source: TickerSource;
  readonly disabled: boolean;
  /** Changes the source. */
  readonly change: (source: Patch) => void;
}

/** What a ticker says, and how it moves. */
export function TickerFields({ source, disabled, change }: TickerFieldsProps) {
  return (
    <>
      <DraftField
        label="Texts, one a line"
        value={linesOf(source)}
        maxLength={2000}
        rows={2}
        disabled={disabled}
        onCommit={(lines) => {
          const patch = linesPatch(lines);
          if (patch) change(patch);
          return patch !== null;
        }}
      />
      <div className="layer-editor__row">
        <NumberField
          label="Speed (px/s)"
          value={source.speed ?? 120}
          min={10}
          max={2000}
          disabled={disabled}
          onChange={(speed) => change({ speed })}
        />
        <SelectField
          label="Direction"
          value={source.direction ?? "left"}
          options={DIRECTIONS}
          disabled={disabled}
          onChange={(direction) => change({ direction })}
        />
        <DraftField
          label="After each text"
          value={source.separator ?? ""}
          maxLength={32}
          disabled={disabled}
          onCommit={(separator) => {
            change({ separator });
            return true;
          }}
        />
      </div>
    </>
  );
}
