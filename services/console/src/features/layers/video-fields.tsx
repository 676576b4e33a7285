import type { AudioSource, Layer, VideoSource } from "../../api/types.ts";
import { Field, NumberField } from "../../ui/fields.tsx";
import { EndFields } from "./end-fields.tsx";
import type { Patch } from "./patch.ts";

interface VideoFieldsProps {
  readonly layer: Layer;
  readonly source: VideoSource | AudioSource;
  readonly disabled: boolean;
  readonly change: (source: Patch) => void;
}

/** Which part of a video or a sound is played, and what follows its end. */
export function VideoFields({ layer, source, disabled, change }: VideoFieldsProps) {
  return (
    <div className="layer-editor__row">
      <NumberField
        label="Begin (ms)"
        value={source.in_ms ?? 0}
        min={0}
        max={604_800_000}
        disabled={disabled}
        onChange={(in_ms) => change({ in_ms })}
      />
      <Field label="End (ms, empty: its end)">
        {(id) => (
          <input
            id={id}
            className="input"
            type="number"
            min={(source.in_ms ?? 0) + 100}
            max={604_800_000}
            defaultValue={source.out_ms ?? ""}
            key={source.out_ms ?? ""}
            disabled={disabled}
            onBlur={(event) => {
              const text = event.target.value.trim();
              const out_ms = text === "" ? null : Math.round(Number(text));
              if (out_ms !== (source.out_ms ?? null)) change({ out_ms });
            }}
          />
        )}
      </Field>
      <EndFields layer={layer} source={source} disabled={disabled} change={change} />
    </div>
  );
}
