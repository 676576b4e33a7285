import { Plus, X } from "lucide-react";
import type { GradientShape, GradientStop } from "../../api/types.ts";
import { ColorField, NumberField, SelectField } from "../../ui/fields.tsx";
import { IconButton } from "../../ui/icon-button.tsx";
import { boundsOf, STOPS_MAX, STOPS_MIN, withOneMore, withoutStop, withStop } from "./gradient.ts";
import { GRADIENT_SHAPES } from "./options.ts";
import type { Patch } from "./patch.ts";

interface GradientFieldsProps {
  readonly stops: readonly GradientStop[];
  readonly angle: number;
  readonly shape: GradientShape;
  readonly disabled: boolean;
  /** Changes the source. */
  readonly change: (source: Patch) => void;
}

/** The colours of a gradient, from its first edge to its last. */
export function GradientFields({ stops, angle, shape, disabled, change }: GradientFieldsProps) {
  // A list is changed as a whole; a merge patch knows no parts of it.
  const changeStops = (next: readonly GradientStop[]) =>
    change({ stops: next.map(({ offset, color }) => ({ offset, color })) });
  return (
    <>
      {stops.map((stop, index) => {
        const [min, max] = boundsOf(stops, index);
        const number = index + 1;
        return (
          <fieldset
            // biome-ignore lint/suspicious/noArrayIndexKey: a stop is its place, and has no other name
            key={index}
            className="gradient-stop"
            aria-label={`Color ${number} of ${stops.length}`}
          >
            <ColorField
              label={`Color ${number}`}
              value={stop.color}
              disabled={disabled}
              onChange={(color) => changeStops(withStop(stops, index, { color }))}
            />
            <NumberField
              label="At (%)"
              value={stop.offset}
              min={min}
              max={max}
              disabled={disabled}
              onChange={(offset) => changeStops(withStop(stops, index, { offset }))}
            />
            <IconButton
              icon={X}
              label={`Take color ${number} away`}
              disabled={disabled || stops.length <= STOPS_MIN}
              onClick={() => changeStops(withoutStop(stops, index))}
            />
          </fieldset>
        );
      })}
      <div className="layer-editor__row">
        <SelectField
          label="Shape"
          value={shape}
          options={GRADIENT_SHAPES}
          disabled={disabled}
          onChange={(value) => change({ shape: value })}
        />
        <NumberField
          label="Angle"
          value={angle}
          min={0}
          max={359}
          disabled={disabled || shape === "radial"}
          onChange={(value) => change({ angle: value })}
        />
        <button
          type="button"
          className="button layer-editor__beside"
          disabled={disabled || stops.length >= STOPS_MAX}
          onClick={() => changeStops(withOneMore(stops))}
        >
          <Plus size={16} aria-hidden />
          Add a color
        </button>
      </div>
    </>
  );
}
