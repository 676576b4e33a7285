import { useState } from "react";
import type { AtEnd, Layer } from "../../api/types.ts";
import { useObservable } from "../../observable.ts";
import { useRuntime } from "../../runtime-context.ts";
import { Field, SelectField } from "../../ui/fields.tsx";
import { AT_END } from "./options.ts";
import type { Patch } from "./patch.ts";

interface EndFieldsProps {
  readonly layer: Layer;
  readonly source: {
    readonly loop?: boolean;
    readonly at_end?: AtEnd;
    readonly next?: string | null;
  };
  readonly disabled: boolean;
  readonly change: (source: Patch) => void;
}

/** What follows the end of what a layer plays. */
export function EndFields({ layer, source, disabled, change }: EndFieldsProps) {
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
      <SelectField
        label="At its end"
        value={isNext ? "next" : end}
        options={AT_END}
        disabled={disabled}
        onChange={changeEnd}
      />
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
