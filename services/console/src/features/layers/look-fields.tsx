import type { Layer } from "../../api/types.ts";
import { NumberField, SelectField } from "../../ui/fields.tsx";
import { BLENDS, EASINGS } from "./options.ts";
import type { Patch } from "./patch.ts";

interface LookFieldsProps {
  readonly layer: Layer;
  readonly disabled: boolean;
  readonly change: (patch: Patch) => void;
}

/** How the layer joins what is behind it, and how its changes are made from now on. */
export function LookFields({ layer, disabled, change }: LookFieldsProps) {
  return (
    <div className="layer-editor__row">
      <SelectField
        label="Blend"
        value={layer.blend ?? "normal"}
        options={BLENDS}
        disabled={disabled}
        onChange={(blend) => change({ blend })}
      />
      <NumberField
        label="Transition (ms)"
        value={layer.transition?.duration_ms ?? 0}
        min={0}
        max={60_000}
        disabled={disabled}
        onChange={(duration_ms) => change({ transition: { duration_ms } })}
      />
      <SelectField
        label="Easing"
        value={layer.transition?.easing ?? "linear"}
        options={EASINGS}
        disabled={disabled}
        onChange={(easing) => change({ transition: { easing } })}
      />
    </div>
  );
}
