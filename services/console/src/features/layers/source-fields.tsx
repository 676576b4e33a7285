import type { Layer, TextStyle } from "../../api/types.ts";
import { ColorField, DraftField, Field, NumberField } from "./fields.tsx";
import { PATTERNS, PLAIN } from "./kinds.ts";
import type { Patch } from "./patch.ts";

interface SourceFieldsProps {
  readonly layer: Layer;
  readonly disabled: boolean;
  readonly change: (patch: Patch) => void;
}

/** The fields of a layer's own kind. */
export function SourceFields({ layer, disabled, change }: SourceFieldsProps) {
  const changeSource = (source: Patch) => change({ source });
  switch (layer.kind) {
    case "text":
      return (
        <>
          <Field label="Text">
            {(id) => (
              <textarea
                id={id}
                className="input"
                rows={2}
                maxLength={2000}
                value={layer.source.text}
                disabled={disabled}
                onChange={(event) => changeSource({ text: event.target.value })}
              />
            )}
          </Field>
          <StyleFields
            style={layer.source.style ?? PLAIN}
            disabled={disabled}
            change={changeSource}
          />
        </>
      );
    case "clock":
      return (
        <>
          <DraftField
            label="Format (strftime)"
            value={layer.source.format ?? ""}
            maxLength={64}
            disabled={disabled}
            onCommit={(format) => {
              if (format.trim() !== "") changeSource({ format });
              return format.trim() !== "";
            }}
          />
          <DraftField
            label="Time zone (empty: the engine's)"
            value={layer.source.timezone ?? ""}
            maxLength={64}
            disabled={disabled}
            onCommit={(timezone) => {
              changeSource({ timezone: timezone.trim() || null });
              return true;
            }}
          />
          <StyleFields
            style={layer.source.style ?? PLAIN}
            disabled={disabled}
            change={changeSource}
          />
        </>
      );
    case "ticker":
      return (
        <>
          <DraftField
            label="Text"
            value={layer.source.text ?? layer.source.items?.join(" ") ?? ""}
            maxLength={2000}
            disabled={disabled}
            onCommit={(text) => {
              if (text !== "") changeSource({ text, items: null });
              return text !== "";
            }}
          />
          <NumberField
            label="Speed (px/s)"
            value={layer.source.speed ?? 120}
            min={10}
            max={2000}
            disabled={disabled}
            onChange={(speed) => changeSource({ speed })}
          />
          <StyleFields
            style={layer.source.style ?? PLAIN}
            disabled={disabled}
            change={changeSource}
          />
        </>
      );
    case "countdown":
      return (
        <>
          <Field label="At zero">
            {(id) => (
              <select
                id={id}
                className="input"
                value={layer.source.at_zero ?? "stop"}
                disabled={disabled}
                onChange={(event) => changeSource({ at_zero: event.target.value })}
              >
                <option value="stop">Stay at zero</option>
                <option value="hide">Disappear</option>
                <option value="count-up">Count on</option>
              </select>
            )}
          </Field>
          <NumberField
            label="Seconds from now"
            value={layer.source.duration_s ?? 0}
            min={1}
            max={8_640_000}
            disabled={disabled}
            onChange={(duration_s) =>
              changeSource({ to: null, duration_s, started_at: new Date().toISOString() })
            }
          />
          <StyleFields
            style={layer.source.style ?? PLAIN}
            disabled={disabled}
            change={changeSource}
          />
        </>
      );
    case "gradient":
      return (
        <NumberField
          label="Angle"
          value={layer.source.angle ?? 0}
          min={0}
          max={359}
          disabled={disabled}
          onChange={(angle) => changeSource({ angle })}
        />
      );
    case "color":
      return (
        <ColorField
          label="Color"
          value={layer.source.color}
          disabled={disabled}
          onChange={(color) => changeSource({ color })}
        />
      );
    case "test-pattern":
      return (
        <Field label="Pattern">
          {(id) => (
            <select
              id={id}
              className="input"
              value={layer.source.pattern}
              disabled={disabled}
              onChange={(event) => changeSource({ pattern: event.target.value })}
            >
              {PATTERNS.map((pattern) => (
                <option key={pattern}>{pattern}</option>
              ))}
            </select>
          )}
        </Field>
      );
    case "video":
      return (
        <label className="check">
          <input
            type="checkbox"
            checked={layer.source.loop}
            disabled={disabled}
            onChange={(event) => changeSource({ loop: event.target.checked })}
          />
          Start again at its end
        </label>
      );
    case "network":
      return (
        <>
          <DraftField
            label="Address"
            value={layer.source.url}
            maxLength={2048}
            disabled={disabled}
            onCommit={(url) => {
              if (url.trim() !== "") changeSource({ url: url.trim() });
              return url.trim() !== "";
            }}
          />
          <div className="layer-editor__row">
            <NumberField
              label="Latency (ms)"
              value={layer.source.latency_ms ?? 500}
              min={20}
              max={8000}
              disabled={disabled}
              onChange={(latency_ms) => changeSource({ latency_ms })}
            />
            <Field label="When it is lost">
              {(id) => (
                <select
                  id={id}
                  className="input"
                  value={layer.source.on_loss}
                  disabled={disabled}
                  onChange={(event) => changeSource({ on_loss: event.target.value })}
                >
                  <option value="hide">Show what is behind</option>
                  <option value="hold">Keep the last frame</option>
                </select>
              )}
            </Field>
          </div>
        </>
      );
    case "image":
      return null;
  }
}

interface StyleFieldsProps {
  readonly style: TextStyle;
  readonly disabled: boolean;
  readonly change: (source: Patch) => void;
}

function StyleFields({ style, disabled, change }: StyleFieldsProps) {
  const changeStyle = (patch: Patch) => change({ style: patch });
  return (
    <div className="layer-editor__row">
      <NumberField
        label="Font size"
        value={style.size}
        min={4}
        max={1000}
        disabled={disabled}
        onChange={(size) => changeStyle({ size })}
      />
      <ColorField
        label="Text color"
        value={style.color}
        disabled={disabled}
        onChange={(color) => changeStyle({ color })}
      />
      <Field label="Alignment">
        {(id) => (
          <select
            id={id}
            className="input"
            value={style.align}
            disabled={disabled}
            onChange={(event) => changeStyle({ align: event.target.value })}
          >
            <option value="left">Left</option>
            <option value="center">Center</option>
            <option value="right">Right</option>
          </select>
        )}
      </Field>
      <label className="check layer-editor__bold">
        <input
          type="checkbox"
          checked={style.bold}
          disabled={disabled}
          onChange={(event) => changeStyle({ bold: event.target.checked })}
        />
        Bold
      </label>
      <label className="check layer-editor__bold">
        <input
          type="checkbox"
          checked={style.italic ?? false}
          disabled={disabled}
          onChange={(event) => changeStyle({ italic: event.target.checked })}
        />
        Italic
      </label>
      <label className="check layer-editor__bold">
        <input
          type="checkbox"
          checked={style.shrink ?? false}
          disabled={disabled}
          onChange={(event) => changeStyle({ shrink: event.target.checked })}
        />
        Shrink to fit
      </label>
    </div>
  );
}
