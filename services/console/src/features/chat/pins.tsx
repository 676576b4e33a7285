import { Pin, PinOff } from "lucide-react";
import type { Failure } from "../../api/problem.ts";
import { useObservable } from "../../observable.ts";
import { useForbidden, useRuntime } from "../../runtime-context.ts";
import { IconButton } from "../../ui/icon-button.tsx";

interface PinsProps {
  readonly blocked: boolean;
  readonly onFailure: (failure: Failure | null) => void;
}

/** The pinned messages, above the others. */
export function Pins({ blocked, onFailure }: PinsProps) {
  const { chatRoom } = useRuntime();
  const pins = useObservable(chatRoom.pins);
  const mayUnpin = useForbidden("moderate-chat") === null;
  if (pins.length === 0) return null;
  return (
    <ul className="chat__pins" aria-label="Pinned messages">
      {pins.map((message) => (
        <li key={message.id} className="chat__pin">
          <Pin size={14} aria-hidden />
          <p>
            <strong>{message.name}</strong> {message.text}
          </p>
          {mayUnpin && (
            <IconButton
              icon={PinOff}
              label={`Unpin what ${message.name} wrote`}
              disabled={blocked}
              onClick={async () => onFailure(await chatRoom.unpin(message.id))}
            />
          )}
        </li>
      ))}
    </ul>
  );
}
