import { Pause, Play, RotateCcw, SkipBack, SkipForward } from "lucide-react";
import { useState } from "react";
import { outcomeOf } from "../../api/client.ts";
import type { Layer, LayerStatus, PlaybackCommand } from "../../api/types.ts";
import { useRuntime } from "../../runtime-context.ts";
import { IconButton } from "../../ui/icon-button.tsx";
import { Message } from "../../ui/message.tsx";
import { useNow } from "../../ui/use-ticker.ts";
import { partOf, positionAt, timeText } from "./playback.ts";

interface PlaybackControlsProps {
  readonly layer: Layer;
  readonly status: LayerStatus | null;
  readonly disabled: boolean;
}

/** Plays, pauses and moves what a layer plays, and shows where it is. */
export function PlaybackControls({ layer, status, disabled }: PlaybackControlsProps) {
  const { api, layers } = useRuntime();
  const [failure, setFailure] = useState<string | null>(null);
  const send = async (command: PlaybackCommand) => {
    const { id, stream, scene } = layer;
    const params = { path: { id }, query: { stream, scene } };
    const outcome = await outcomeOf(
      api.POST("/api/layers/{id}/playback", { params, body: command }),
    );
    if (outcome.ok) layers.put(outcome.data);
    setFailure(outcome.ok ? null : outcome.failure.message);
  };
  const isPaused = layer.playback?.paused ?? false;
  const stands = isPaused || status?.playback?.state === "ended";
  return (
    <div className="playback">
      <IconButton
        icon={stands ? Play : Pause}
        label={stands ? `Play ${layer.name}` : `Pause ${layer.name}`}
        disabled={disabled}
        onClick={() => send({ action: stands ? "play" : "pause" })}
      />
      <IconButton
        icon={RotateCcw}
        label={`Play ${layer.name} from its beginning`}
        disabled={disabled}
        onClick={() => send({ action: "restart" })}
      />
      {layer.kind === "playlist" && (
        <>
          <IconButton
            icon={SkipBack}
            label={`Previous of ${layer.name}`}
            disabled={disabled}
            onClick={() => send({ action: "previous" })}
          />
          <IconButton
            icon={SkipForward}
            label={`Next of ${layer.name}`}
            disabled={disabled}
            onClick={() => send({ action: "next" })}
          />
          <span className="playback__time">
            {(status?.playback?.item ?? 0) + 1} of {layer.source.items.length}
          </span>
        </>
      )}
      <Position
        layer={layer}
        status={status}
        disabled={disabled}
        seek={(position_ms) => send({ action: "seek", position_ms })}
      />
      {failure && (
        <Message tone="bad" alert onDismiss={() => setFailure(null)}>
          {failure}
        </Message>
      )}
    </div>
  );
}

interface PositionProps {
  readonly layer: Layer;
  readonly status: LayerStatus | null;
  readonly disabled: boolean;
  readonly seek: (positionMs: number) => void;
}

function Position({ layer, status, disabled, seek }: PositionProps) {
  const playback = status?.playback ?? null;
  const now = useNow(playback?.state === "playing");
  // While it is dragged, the slider is where the hand is.
  const [dragged, setDragged] = useState<number | null>(null);
  if (!playback) return <span className="playback__time">Not on air</span>;
  const part = partOf(layer, playback);
  const position = dragged ?? positionAt(playback, part, now);
  const drop = () => {
    if (dragged !== null) seek(Math.round(dragged));
    setDragged(null);
  };
  return (
    <>
      <input
        type="range"
        className="playback__position"
        aria-label={`Position of ${layer.name}`}
        aria-valuetext={timeText(position)}
        min={part.start}
        max={part.end ?? position}
        value={position}
        disabled={disabled || part.end === null}
        onChange={(event) => setDragged(Number(event.target.value))}
        onPointerUp={drop}
        onKeyUp={drop}
        onBlur={drop}
      />
      <span className="playback__time">
        {timeText(position)}
        {part.end !== null && ` / ${timeText(part.end)}`}
      </span>
    </>
  );
}
