import type { WebSource } from "../../api/types.ts";
import { DraftField, NumberField, SelectField } from "../../ui/fields.tsx";
import { ON_LOSS } from "./options.ts";
import type { Patch } from "./patch.ts";

interface WebFieldsProps {
  readonly source: WebSource;
  readonly disabled: boolean;
  /** Changes the source. */
  readonly change: (source: Patch) => void;
}

/** Where a page is, and how it is shown. */
export function WebFields({ source, disabled, change }: WebFieldsProps) {
  const sizes = [
    ["width", "Page width", 16, 1920, source.width ?? 1280],
    ["height", "Page height", 16, 1080, source.height ?? 720],
    ["framerate", "Pictures a second", 1, 60, source.framerate ?? 30],
    ["zoom", "Zoom (%)", 25, 400, source.zoom ?? 100],
  ] as const;
  return (
    <>
      <DraftField
        label="Address of the page"
        value={source.url}
        maxLength={2048}
        disabled={disabled}
        onCommit={(url) => {
          if (url.trim() !== "") change({ url: url.trim() });
          return url.trim() !== "";
        }}
      />
      <div className="layer-editor__row">
        {sizes.map(([field, label, min, max, value]) => (
          <NumberField
            key={field}
            label={label}
            value={value}
            min={min}
            max={max}
            disabled={disabled}
            onChange={(next) => change({ [field]: next })}
          />
        ))}
      </div>
      <DraftField
        label="CSS that is added to the page"
        value={source.css ?? ""}
        maxLength={4000}
        rows={2}
        disabled={disabled}
        onCommit={(css) => {
          change({ css });
          return true;
        }}
      />
      <div className="layer-editor__row">
        <NumberField
          label="Load anew after (s, empty: never)"
          value={source.reload_s ?? null}
          min={10}
          max={86_400}
          disabled={disabled}
          onChange={(reload_s) => change({ reload_s })}
          onClear={() => change({ reload_s: null })}
        />
        <SelectField
          label="When it is lost"
          value={source.on_loss ?? "hide"}
          options={ON_LOSS}
          disabled={disabled}
          onChange={(on_loss) => change({ on_loss })}
        />
      </div>
    </>
  );
}
