import { useEffect } from "react";
import { useRuntime } from "../../runtime-context.ts";
import { Message } from "../../ui/message.tsx";
import { fieldLabel } from "./kinds.ts";
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
      return (
        <Message
          tone="warn"
          alert
          actions={
            <>
              <button
                type="button"
                className="button"
                onClick={() => layerWriter.settle(layer, "mine")}
              >
                Keep mine
              </button>
              <button
                type="button"
                className="button"
                onClick={() => layerWriter.settle(layer, "theirs")}
              >
                Use theirs
              </button>
            </>
          }
        >
          Somebody else changed the same field.{" "}
          {note.conflicts.map(({ pointer, mine, theirs }) => (
            <span key={pointer} className="layer-note__conflict">
              {fieldLabel(pointer)}: yours {show(mine)}, theirs {show(theirs)}.
            </span>
          ))}
        </Message>
      );
  }
}

function show(value: unknown): string {
  if (typeof value === "string") return `“${value}”`;
  return typeof value === "boolean" ? (value ? "on" : "off") : JSON.stringify(value);
}
