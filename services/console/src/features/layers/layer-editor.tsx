import { Copy, Trash2 } from "lucide-react";
import type { Layer } from "../../api/types.ts";
import { DraftField, NumberField } from "../../ui/fields.tsx";
import { LookFields } from "./look-fields.tsx";
import type { Patch } from "./patch.ts";
import { Section } from "./section.tsx";
import { ShapeFields } from "./shape-fields.tsx";
import { mayHaveSound, SoundFields } from "./sound-fields.tsx";
import { SourceFields } from "./source-fields.tsx";

interface LayerEditorProps {
  readonly id: string;
  readonly layer: Layer;
  readonly disabled: boolean;
  readonly change: (patch: Patch) => void;
  /** Absent where nothing can be added. */
  readonly onDuplicate?: () => void;
  readonly onDelete: () => void;
}

type Measure = "x" | "y" | "width" | "height";

const GEOMETRY: readonly (readonly [Measure, string, number, number])[] = [
  ["x", "X", -16_384, 16_384],
  ["y", "Y", -16_384, 16_384],
  ["width", "Width", 1, 8192],
  ["height", "Height", 1, 8192],
];

/** The rest of a layer's fields, below its row. Every change goes on air as it is made. */
export function LayerEditor(props: LayerEditorProps) {
  const { id, layer, disabled, change, onDuplicate, onDelete } = props;
  return (
    <div id={id} className="layer-editor">
      {layer.locked && <p className="layer-editor__note">Locked. Unlock the layer to edit it.</p>}
      <SourceFields layer={layer} disabled={disabled} change={change} />
      <div className="layer-editor__row">
        {GEOMETRY.map(([field, label, min, max]) => (
          <NumberField
            key={field}
            label={label}
            value={layer.transform[field]}
            min={min}
            max={max}
            disabled={disabled}
            onChange={(value) => change({ transform: { [field]: value } })}
          />
        ))}
      </div>
      <Section title="Fit, crop and rotation">
        <ShapeFields layer={layer} disabled={disabled} change={change} />
      </Section>
      <Section title="Blend and transition">
        <LookFields layer={layer} disabled={disabled} change={change} />
      </Section>
      {mayHaveSound(layer) && (
        <Section title="Sound">
          <SoundFields layer={layer} disabled={disabled} change={change} />
        </Section>
      )}
      <label className="layer-editor__required">
        <input
          type="checkbox"
          checked={layer.required ?? false}
          disabled={disabled}
          onChange={(event) => change({ required: event.target.checked })}
        />
        Required: show the slate while this layer fails
      </label>
      <div className="layer-editor__foot">
        <DraftField
          label="Name"
          value={layer.name}
          maxLength={100}
          disabled={disabled}
          onCommit={(name) => {
            if (name.trim() !== "") change({ name: name.trim() });
            return name.trim() !== "";
          }}
        />
        {onDuplicate && (
          <button type="button" className="button" onClick={onDuplicate}>
            <Copy size={16} aria-hidden />
            Duplicate
          </button>
        )}
        <button
          type="button"
          className="button button--danger"
          disabled={disabled}
          onClick={onDelete}
        >
          <Trash2 size={16} aria-hidden />
          Delete
        </button>
      </div>
    </div>
  );
}
