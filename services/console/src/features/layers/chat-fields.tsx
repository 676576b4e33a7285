import type { ChatSource } from "../../api/types.ts";
import { CheckField, ColorField, NumberField, SelectField } from "../../ui/fields.tsx";
import { CHAT_ORDERS, ENTRANCES } from "./options.ts";
import type { Patch } from "./patch.ts";

interface ChatFieldsProps {
  readonly source: ChatSource;
  readonly disabled: boolean;
  /** Changes the source. */
  readonly change: (source: Patch) => void;
}

/** Which messages show, how they come and go, and whose they are. */
export function ChatFields({ source, disabled, change }: ChatFieldsProps) {
  return (
    <>
      <div className="layer-editor__row">
        <NumberField
          label="Messages at most"
          value={source.max_messages ?? 8}
          min={1}
          max={40}
          disabled={disabled}
          onChange={(max_messages) => change({ max_messages })}
        />
        <NumberField
          label="Seconds to stay (empty: no limit)"
          value={source.max_age_s ?? null}
          min={1}
          max={86_400}
          disabled={disabled}
          onChange={(max_age_s) => change({ max_age_s })}
          onClear={() => change({ max_age_s: null })}
        />
        <NumberField
          label="Fade away (ms)"
          value={source.fade_ms ?? 500}
          min={0}
          max={5000}
          disabled={disabled}
          onChange={(fade_ms) => change({ fade_ms })}
        />
        <NumberField
          label="Gap"
          value={source.gap ?? 8}
          min={0}
          max={500}
          disabled={disabled}
          onChange={(gap) => change({ gap })}
        />
      </div>
      <div className="layer-editor__row">
        <SelectField
          label="Order"
          value={source.order ?? "newest-below"}
          options={CHAT_ORDERS}
          disabled={disabled}
          onChange={(order) => change({ order })}
        />
        <SelectField
          label="Entrance"
          value={source.entrance ?? "slide"}
          options={ENTRANCES}
          disabled={disabled}
          onChange={(entrance) => change({ entrance })}
        />
        <NumberField
          label="Entrance (ms)"
          value={source.entrance_ms ?? 250}
          min={0}
          max={2000}
          disabled={disabled}
          onChange={(entrance_ms) => change({ entrance_ms })}
        />
      </div>
      <Names source={source} disabled={disabled} change={change} />
    </>
  );
}

function Names({ source: { names = true, name_color }, disabled, change }: ChatFieldsProps) {
  return (
    <div className="layer-editor__row">
      <div className="layer-editor__checks">
        <CheckField
          label="Names"
          checked={names}
          disabled={disabled}
          onChange={(on) => change({ names: on })}
        />
        {names && (
          <CheckField
            label="A color for each writer"
            checked={name_color == null}
            disabled={disabled}
            onChange={(on) => change({ name_color: on ? null : "#ffd54f" })}
          />
        )}
      </div>
      {names && name_color != null && (
        <ColorField
          label="Color of names"
          value={name_color}
          disabled={disabled}
          onChange={(color) => change({ name_color: color })}
        />
      )}
    </div>
  );
}
