import type { TextStyle } from "../../api/types.ts";
import { CheckField, ColorField, DraftField, NumberField, SelectField } from "../../ui/fields.tsx";
import { FontChoice } from "./font-choice.tsx";
import { ALIGNMENTS, VERTICAL_ALIGNMENTS, WRAPS } from "./options.ts";
import type { Patch } from "./patch.ts";
import { Section } from "./section.tsx";

interface TextStyleFieldsProps {
  readonly style: TextStyle;
  /** Text in one line is neither wrapped nor shrunk. */
  readonly isOneLine?: boolean;
  /** Texts above each other stand where they belong, in their size. */
  readonly isStacked?: boolean;
  readonly disabled: boolean;
  /** Changes the source. */
  readonly change: (source: Patch) => void;
}

/** How text looks: what is changed most, and the rest folded away. */
export function TextStyleFields(props: TextStyleFieldsProps) {
  const { style, isOneLine = false, isStacked = false, disabled, change } = props;
  const fields = { style, disabled, change: (patch: Patch) => change({ style: patch }) };
  return (
    <>
      <Letters {...fields} />
      <Section title="Font, lines and spacing">
        <Lines {...fields} isOneLine={isOneLine} isStacked={isStacked} />
      </Section>
      <Section title="Outline, shadow and background">
        <Outline {...fields} />
        <Shadow {...fields} />
        <Background {...fields} isOneLine={isOneLine} />
      </Section>
    </>
  );
}

interface StyleFieldsProps {
  readonly style: TextStyle;
  readonly disabled: boolean;
  /** Changes the style. */
  readonly change: (style: Patch) => void;
}

function Letters({ style, disabled, change }: StyleFieldsProps) {
  return (
    <div className="layer-editor__row">
      <NumberField
        label="Font size"
        value={style.size}
        min={4}
        max={1000}
        disabled={disabled}
        onChange={(size) => change({ size })}
      />
      <ColorField
        label="Text color"
        value={style.color}
        disabled={disabled}
        onChange={(color) => change({ color })}
      />
      <SelectField
        label="Alignment"
        value={style.align}
        options={ALIGNMENTS}
        disabled={disabled}
        onChange={(align) => change({ align })}
      />
      <div className="layer-editor__checks">
        <CheckField
          label="Bold"
          checked={style.bold}
          disabled={disabled}
          onChange={(bold) => change({ bold })}
        />
        <CheckField
          label="Italic"
          checked={style.italic}
          disabled={disabled}
          onChange={(italic) => change({ italic })}
        />
      </div>
    </div>
  );
}

interface BackgroundProps extends StyleFieldsProps {
  readonly isOneLine: boolean;
}

interface LinesProps extends BackgroundProps {
  readonly isStacked: boolean;
}

function Lines({ style, disabled, change, isOneLine, isStacked }: LinesProps) {
  return (
    <>
      <div className="layer-editor__row">
        <DraftField
          label="Font"
          value={style.font}
          maxLength={64}
          disabled={disabled}
          onCommit={(font) => {
            if (font.trim() !== "") change({ font: font.trim() });
            return font.trim() !== "";
          }}
        />
        <FontChoice
          font={style.font_asset ?? null}
          disabled={disabled}
          choose={(font_asset) => change({ font_asset })}
        />
        {!isStacked && (
          <SelectField
            label="Vertical alignment"
            value={style.vertical_align}
            options={VERTICAL_ALIGNMENTS}
            disabled={disabled}
            onChange={(vertical_align) => change({ vertical_align })}
          />
        )}
        <NumberField
          label="Letter spacing"
          value={style.letter_spacing}
          min={-100}
          max={500}
          disabled={disabled}
          onChange={(letter_spacing) => change({ letter_spacing })}
        />
        <NumberField
          label="Padding (empty: usual)"
          value={style.padding}
          min={0}
          max={1000}
          disabled={disabled}
          onChange={(padding) => change({ padding })}
          onClear={() => change({ padding: null })}
        />
      </div>
      {!isOneLine && (
        <div className="layer-editor__row">
          <SelectField
            label="Lines too wide"
            value={style.wrap}
            options={WRAPS}
            disabled={disabled}
            onChange={(wrap) => change({ wrap })}
          />
          <NumberField
            label="Line spacing (%)"
            value={style.line_spacing}
            min={50}
            max={400}
            disabled={disabled}
            onChange={(line_spacing) => change({ line_spacing })}
          />
          {!isStacked && (
            <div className="layer-editor__checks">
              <CheckField
                label="Shrink to fit"
                checked={style.shrink}
                disabled={disabled}
                onChange={(shrink) => change({ shrink })}
              />
            </div>
          )}
        </div>
      )}
    </>
  );
}

function Outline({ style: { outline }, disabled, change }: StyleFieldsProps) {
  return (
    <div className="layer-editor__row">
      <CheckField
        label="Outline"
        checked={outline != null}
        disabled={disabled}
        onChange={(on) => change({ outline: on ? { color: "#000000", width: 2 } : null })}
      />
      {outline && (
        <>
          <ColorField
            label="Outline color"
            value={outline.color}
            disabled={disabled}
            onChange={(color) => change({ outline: { color } })}
          />
          <NumberField
            label="Outline width"
            value={outline.width}
            min={1}
            max={100}
            disabled={disabled}
            onChange={(width) => change({ outline: { width } })}
          />
        </>
      )}
    </div>
  );
}

function Shadow({ style: { shadow }, disabled, change }: StyleFieldsProps) {
  const measures = [
    ["x", "Shadow right", -200, 200, shadow?.x ?? 2],
    ["y", "Shadow below", -200, 200, shadow?.y ?? 2],
    ["blur", "Shadow blur", 0, 100, shadow?.blur ?? 0],
  ] as const;
  const start = { color: "#000000c0", x: 2, y: 2, blur: 4 };
  return (
    <div className="layer-editor__row">
      <CheckField
        label="Shadow"
        checked={shadow != null}
        disabled={disabled}
        onChange={(on) => change({ shadow: on ? start : null })}
      />
      {shadow && (
        <>
          <ColorField
            label="Shadow color"
            value={shadow.color}
            disabled={disabled}
            onChange={(color) => change({ shadow: { color } })}
          />
          {measures.map(([field, label, min, max, value]) => (
            <NumberField
              key={field}
              label={label}
              value={value}
              min={min}
              max={max}
              disabled={disabled}
              onChange={(next) => change({ shadow: { [field]: next } })}
            />
          ))}
        </>
      )}
    </div>
  );
}

function Background({ style, disabled, change, isOneLine }: BackgroundProps) {
  const { background } = style;
  return (
    <div className="layer-editor__row">
      <CheckField
        label="Background"
        checked={background != null}
        disabled={disabled}
        onChange={(on) => change({ background: on ? "#000000c0" : null })}
      />
      {background != null && (
        <ColorField
          label="Background color"
          value={background}
          disabled={disabled}
          onChange={(color) => change({ background: color })}
        />
      )}
      {background != null && !isOneLine && (
        <NumberField
          label="Background radius"
          value={style.background_radius}
          min={0}
          max={1000}
          disabled={disabled}
          onChange={(background_radius) => change({ background_radius })}
        />
      )}
    </div>
  );
}
