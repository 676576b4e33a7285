import { FormField } from "../../ui/fields.tsx";
import type { Draft } from "./draft.ts";
import type { Faults } from "./faults.ts";

interface AdaptiveFieldsProps {
  readonly draft: Draft;
  readonly faults: Faults;
  readonly onChange: (draft: Draft) => void;
}

/** Whether the output may be sent less than the program, and how much less. */
export function AdaptiveFields({ draft, faults, onChange }: AdaptiveFieldsProps) {
  return (
    <fieldset>
      <legend className="field__label">When the target is too slow</legend>
      <label className="check">
        <input
          type="checkbox"
          checked={draft.adaptive}
          onChange={({ target }) => onChange({ ...draft, adaptive: target.checked })}
        />
        Send it a lower bitrate until it keeps up again
      </label>
      {draft.adaptive && (
        <FormField
          label="Never less than (kbit/s)"
          type="number"
          min={100}
          max={50_000}
          required
          value={draft.minKbps}
          hint="Of the picture. It is encoded once more for this output, for as long as it takes."
          error={faults.at("/adaptive/min_kbps")}
          onChange={(minKbps) => onChange({ ...draft, minKbps })}
        />
      )}
    </fieldset>
  );
}
