import type { Layer } from "../../api/types.ts";
import { ColorField, DraftField, Field, NumberField, SelectField } from "../../ui/fields.tsx";
import { ChatFields } from "./chat-fields.tsx";
import { CountdownFields } from "./countdown-fields.tsx";
import { GradientFields } from "./gradient-fields.tsx";
import { IngestPanel } from "./ingest-panel.tsx";
import { PATTERNS, PLAIN } from "./kinds.ts";
import { NetworkFields } from "./network-fields.tsx";
import { INGEST_PROTOCOLS, ON_LOSS } from "./options.ts";
import type { Patch } from "./patch.ts";
import { PlaylistFields } from "./playlist-fields.tsx";
import { TextStyleFields } from "./text-style-fields.tsx";
import { TickerFields } from "./ticker-fields.tsx";
import { VideoFields } from "./video-fields.tsx";
import { WebFields } from "./web-fields.tsx";

interface SourceFieldsProps {
  readonly layer: Layer;
  readonly disabled: boolean;
  readonly change: (patch: Patch) => void;
}

/** The fields of a layer's own kind. */
export function SourceFields({ layer, disabled, change }: SourceFieldsProps) {
  const changeSource = (source: Patch) => change({ source });
  const fields = { disabled, change: changeSource };
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
          <TextStyleFields style={layer.source.style ?? PLAIN} {...fields} />
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
          <TextStyleFields style={layer.source.style ?? PLAIN} {...fields} />
        </>
      );
    case "ticker":
      return (
        <>
          <TickerFields source={layer.source} {...fields} />
          <TextStyleFields style={layer.source.style ?? PLAIN} isOneLine {...fields} />
        </>
      );
    case "chat":
      return (
        <>
          <ChatFields source={layer.source} {...fields} />
          <TextStyleFields style={layer.source.style ?? PLAIN} isStacked {...fields} />
        </>
      );
    case "countdown":
      return (
        <>
          <CountdownFields source={layer.source} {...fields} />
          <TextStyleFields style={layer.source.style ?? PLAIN} {...fields} />
        </>
      );
    case "gradient":
      return (
        <GradientFields
          stops={layer.source.stops}
          angle={layer.source.angle ?? 0}
          shape={layer.source.shape ?? "linear"}
          {...fields}
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
    case "audio":
    case "video":
      return <VideoFields layer={layer} source={layer.source} {...fields} />;
    case "playlist":
      return <PlaylistFields layer={layer} source={layer.source} {...fields} />;
    case "network":
      return <NetworkFields source={layer.source} {...fields} />;
    case "web":
      return <WebFields source={layer.source} {...fields} />;
    case "ingest":
      return (
        <>
          <SelectField
            label="Protocol"
            value={layer.source.protocol ?? "rtmp"}
            options={INGEST_PROTOCOLS}
            disabled={disabled}
            onChange={(protocol) => changeSource({ protocol })}
          />
          <IngestPanel layer={layer} disabled={disabled} />
          <div className="layer-editor__row">
            <NumberField
              label="Latency (ms)"
              value={layer.source.latency_ms ?? 500}
              min={20}
              max={8000}
              disabled={disabled}
              onChange={(latency_ms) => changeSource({ latency_ms })}
            />
            <SelectField
              label="When it is lost"
              value={layer.source.on_loss ?? "hide"}
              options={ON_LOSS}
              disabled={disabled}
              onChange={(on_loss) => changeSource({ on_loss })}
            />
          </div>
        </>
      );
    case "image":
      return null;
  }
}
