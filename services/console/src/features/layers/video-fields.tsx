import { useState } from "react";
import type { AtEnd, AudioSource, Layer, VideoSource } from "../../api/types.ts";
import { useObservable } from "../../observable.ts";
import { useRuntime } from "../../runtime-context.ts";
import { Field, NumberField, SelectField } from "../../ui/fields.tsx";
import { AT_END } from "./options.ts";
import type { Patch } from "./patch.ts";

interface VideoFieldsProps {
  readonly layer: Layer;
  readonly source: VideoSource | AudioSource;
  readonly disabled: boolean;
  readonly change: (source: Patch) => void;
}

/** Which part of a video or a sound is played, and what follows its end. */
export function VideoFields({ layer, source, disabled, change }: VideoFieldsProps) {
  // "Show another layer" says nothing until that layer is chosen.
  const [choosing, setChoosing] = useState(false);
  const end = source.loop === false ? (source.at_end ?? "hold") : "loop";
  const changeEnd = (wanted: AtEnd | "loop") => {
    setChoosing(wanted === "next");
    if (wanted === "loop") change({ loop: true });
    else if (wanted !== "next") change({ loop: false, at_end: wanted, next: null });
  };
  const isNext = choosing || end === "next";
  return (
    <>
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
        <SelectField
          label="At its end"
          value={isNext ? "next" : end}
          options={AT_END}
          disabled={disabled}
          onChange={changeEnd}
        />
      </div>
      {isNext && (
        <NextLayer
          layer={layer}
          chosen={end === "next" ? (source.next ?? "") : ""}
          disabled={disabled}
          choose={(next) => {
            setChoosing(false);
            change({ loop: false, at_end: "next", next });
          }}
        />
      )}
    </>
  );
}

interface NextLayerProps {
  readonly layer: Layer;
  readonly chosen: string;
  readonly disabled: boolean;
  readonly choose: (id: string) => void;
}

function NextLayer({ layer, chosen, disabled, choose }: NextLayerProps) {
  const { layers } = useRuntime();
  const scene = useObservable(layers.scene);
  const others = (scene?.layers ?? []).filter(({ id }) => id !== layer.id);
  return (
    <Field label="Layer to show then">
      {(id) => (
        <select
          id={id}
          className="input"
          value={chosen}
          disabled={disabled}
          onChange={(event) => choose(event.target.value)}
        >
          <option value="" disabled>
            Choose a layer
          </option>
          {others.map((other) => (
            <option key={other.id} value={other.id}>
              {other.name}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}
