import type { CountdownSource } from "../../api/types.ts";
import { DraftField, NumberField, SelectField } from "../../ui/fields.tsx";
import { AT_ZERO } from "./options.ts";
import type { Patch } from "./patch.ts";

interface CountdownFieldsProps {
  readonly source: CountdownSource;
  readonly disabled: boolean;
  /** Changes the source. */
  readonly change: (source: Patch) => void;
}

/** Until when a countdown counts, and what stands around the time. */
export function CountdownFields({ source, disabled, change }: CountdownFieldsProps) {
  return (
    <>
      <div className="layer-editor__row">
        <NumberField
          label="Seconds from now"
          value={source.duration_s ?? 0}
          min={1}
          max={8_640_000}
          disabled={disabled}
          onChange={(duration_s) =>
            change({ to: null, duration_s, started_at: new Date().toISOString() })
          }
        />
        <SelectField
          label="At zero"
          value={source.at_zero ?? "stop"}
          options={AT_ZERO}
          disabled={disabled}
          onChange={(at_zero) => change({ at_zero })}
        />
        <DraftField
          label="Format (%d %H %M %S)"
          value={source.format ?? ""}
          maxLength={64}
          disabled={disabled}
          onCommit={(format) => {
            change({ format: format === "" ? null : format });
            return true;
          }}
        />
      </div>
      <div className="layer-editor__row">
        <DraftField
          label="Before the time"
          value={source.text_before ?? ""}
          maxLength={200}
          disabled={disabled}
          onCommit={(text_before) => {
            change({ text_before });
            return true;
          }}
        />
        <DraftField
          label="After the time"
          value={source.text_after ?? ""}
          maxLength={200}
          disabled={disabled}
          onCommit={(text_after) => {
            change({ text_after });
            return true;
          }}
        />
      </div>
    </>
  );
}
