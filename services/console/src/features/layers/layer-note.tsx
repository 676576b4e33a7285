import { useEffect } from "react";
import { useRuntime } from "../../runtime-context.ts";
import { Message } from "../../ui/message.tsx";
import { fieldLabel } from "./kinds.ts";
import { LayerConflicts } from "./layer-conflicts.tsx";
import { show } from "./show-value.ts";
import type { Note } from "./writer.ts";

/** How long a note that asks for nothing stays. */
const READ_MS = 6_000;

interface LayerNoteProps {
  readonly layer: string;
  readonly note: Note;
}

/** What became of an own change that met somebody else's, or a refusal. */
export function LayerNote({ layer, note }: LayerNoteProps) {
  const { layerWriter } = useRuntime();
  const dismiss = () => layerWriter.dismiss(layer);

  useEffect(() => {
    if (note.kind !== "merged") return;
    const timer = setTimeout(() => layerWriter.dismiss(layer), READ_MS);
    return () => clearTimeout(timer);
  }, [note, layer, layerWriter]);

  switch (note.kind) {
    case "merged":
      return (
        <Message tone="calm" onDismiss={dismiss}>
          Somebody else changed this layer too. Both changes hold.
          {note.theirs.map(({ pointer, before, after }) => (
            <span key={pointer} className="layer-note__field">
              Theirs: {fieldLabel(pointer)} from {show(before)} to {show(after)}.
            </span>
          ))}
        </Message>
      );
    case "failed":
      return (
        <Message
          tone="bad"
          alert
          onDismiss={dismiss}
          actions={
            note.patch && (
              <button type="button" className="button" onClick={() => layerWriter.retry(layer)}>
                Try again
              </button>
            )
          }
        >
          Not changed. {note.failure.message}
        </Message>
      );
    case "conflict":
      return <LayerConflicts layer={layer} conflicts={note.conflicts} />;
  }
}
