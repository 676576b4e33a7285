import type { Layer } from "../../api/types.ts";
import { CheckField, NumberField } from "../../ui/fields.tsx";
import type { Patch } from "./patch.ts";

interface SoundFieldsProps {
  readonly layer: Layer;
  readonly disabled: boolean;
  readonly change: (patch: Patch) => void;
}

/** How loud the layer is, and how much later than its picture its sound comes. */
export function SoundFields({ layer, disabled, change }: SoundFieldsProps) {
  return (
    <div className="layer-editor__row">
      <NumberField
        label="Volume (%)"
        value={layer.volume * 100}
        min={0}
        max={2000}
        disabled={disabled}
        onChange={(percent) => change({ volume: percent / 100 })}
      />
      <NumberField
        label="Audio delay (ms)"
        value={layer.audio_delay_ms ?? 0}
        min={0}
        max={5000}
        disabled={disabled}
        onChange={(audio_delay_ms) => change({ audio_delay_ms })}
      />
      <div className="layer-editor__checks">
        <CheckField
          label="Muted"
          checked={layer.muted}
          disabled={disabled}
          onChange={(muted) => change({ muted })}
        />
      </div>
    </div>
  );
}

/** Whether the layer can have a sound of its own. */
export function mayHaveSound({ kind }: Layer): boolean {
  switch (kind) {
    case "audio":
    case "video":
    case "playlist":
    case "network":
    case "ingest":
      return true;
    case "text":
    case "chat":
    case "color":
    case "image":
    case "ticker":
    case "clock":
    case "countdown":
    case "gradient":
    case "test-pattern":
    case "web":
      return false;
  }
}
