import type { Crop, Layer } from "../../api/types.ts";
import { NumberField, SelectField } from "../../ui/fields.tsx";
import { ANCHORS, FITS } from "./options.ts";
import type { Patch } from "./patch.ts";

interface ShapeFieldsProps {
  readonly layer: Layer;
  readonly disabled: boolean;
  readonly change: (patch: Patch) => void;
}

const UNCROPPED: Crop = { left: 0, top: 0, right: 0, bottom: 0 };
/** Opposite edges together leave a hundredth of the source. */
const CROP_MAX = 99;

const EDGES = [
  ["left", "right", "Crop left (%)"],
  ["right", "left", "Crop right (%)"],
  ["top", "bottom", "Crop top (%)"],
  ["bottom", "top", "Crop bottom (%)"],
] as const;

/** How the source lies in its box, and how the box is turned. */
export function ShapeFields({ layer, disabled, change }: ShapeFieldsProps) {
  const { fit, anchor, crop = UNCROPPED, rotation, corner_radius } = layer.transform;
  const changeTransform = (transform: Patch) => change({ transform });
  return (
    <>
      <div className="layer-editor__row">
        {hasOwnShape(layer) && (
          <SelectField
            label="Fit"
            value={fit ?? "stretch"}
            options={FITS}
            disabled={disabled}
            onChange={(value) => changeTransform({ fit: value })}
          />
        )}
        <SelectField
          label="Anchor"
          value={anchor ?? "center"}
          options={ANCHORS}
          disabled={disabled}
          onChange={(value) => changeTransform({ anchor: value })}
        />
        <NumberField
          label="Rotation"
          value={rotation ?? 0}
          min={-360}
          max={360}
          decimals={2}
          disabled={disabled}
          onChange={(value) => changeTransform({ rotation: value })}
        />
        <NumberField
          label="Corner radius"
          value={corner_radius ?? 0}
          min={0}
          max={4096}
          decimals={2}
          disabled={disabled}
          onChange={(value) => changeTransform({ corner_radius: value })}
        />
      </div>
      <div className="layer-editor__row">
        {EDGES.map(([edge, opposite, label]) => (
          <NumberField
            key={edge}
            label={label}
            value={crop[edge] * 100}
            min={0}
            max={Number((CROP_MAX - crop[opposite] * 100).toFixed(1))}
            decimals={1}
            disabled={disabled}
            onChange={(percent) =>
              changeTransform({ crop: { [edge]: Number((percent / 100).toFixed(3)) } })
            }
          />
        ))}
      </div>
    </>
  );
}

/** Everything else is drawn in the size of its box and fills it anyway. */
function hasOwnShape({ kind }: Layer): boolean {
  switch (kind) {
    case "image":
    case "video":
    case "playlist":
    case "network":
    case "web":
    case "ingest":
      return true;
    case "audio":
    case "text":
    case "chat":
    case "color":
    case "ticker":
    case "clock":
    case "countdown":
    case "gradient":
    case "test-pattern":
      return false;
  }
}
