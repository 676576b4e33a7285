import { Gavel, Pencil, Pin, Reply, Trash2 } from "lucide-react";
import type { ChatMessage } from "../../api/types.ts";
import { useForbidden, useIdentity } from "../../runtime-context.ts";
import { formatTime, formatUtc } from "../../ui/format.ts";
import { IconButton } from "../../ui/icon-button.tsx";

/** What can be done with a message. */
export interface MessageDeeds {
  readonly onReply: (message: ChatMessage) => void;
  readonly onEdit: (message: ChatMessage) => void;
  readonly onPin: (message: ChatMessage) => void;
  readonly onDelete: (message: ChatMessage) => void;
  readonly onSilence: (message: ChatMessage) => void;
}

interface RowProps {
  readonly message: ChatMessage;
  readonly blocked: boolean;
  readonly deeds: MessageDeeds;
}

export function MessageRow({ message, blocked, deeds }: RowProps) {
  if (message.kind === "system") return <Notice message={message} />;
  return (
    <li className="chat__message" data-kind={message.kind}>
      <p className="chat__who">
        <strong className="chat__name" data-color={message.color}>
          {message.name}
        </strong>
        {message.guest && <span className="chat__role">guest</span>}
        {message.role !== "viewer" && <span className="chat__role">{message.role}</span>}
        {message.kind === "announcement" && <span className="chat__badge">Announcement</span>}
        <Time message={message} />
      </p>
      {message.reply_to && <p className="chat__reply">Answers {message.reply_to.name}</p>}
      <p className="chat__text">
        {message.text}
        {message.edited_at && (
          <span className="chat__edited" title={formatUtc(message.edited_at)}>
            {" "}
            (edited)
          </span>
        )}
      </p>
      <Deeds message={message} blocked={blocked} deeds={deeds} />
    </li>
  );
}

function Notice({ message }: { readonly message: ChatMessage }) {
  return (
    <li className="chat__notice">
      <span>{message.text}</span>
      <Time message={message} />
    </li>
  );
}

function Time({ message: { sent_at } }: { readonly message: ChatMessage }) {
  return (
    <time className="chat__time" dateTime={sent_at} title={formatUtc(sent_at)}>
      {formatTime(sent_at).slice(0, 5)}
    </time>
  );
}

function Deeds({ message, blocked, deeds }: RowProps) {
  const mayModerate = useForbidden("moderate-chat") === null;
  const mayWrite = useForbidden("chat") === null;
  const own = useIdentity()?.user === message.user;
  const { name } = message;
  return (
    <div className="chat__deeds">
      {mayWrite && (
        <IconButton
          icon={Reply}
          label={`Reply to ${name}`}
          disabled={blocked}
          onClick={() => deeds.onReply(message)}
        />
      )}
      {own && (
        <IconButton
          icon={Pencil}
          label="Edit your message"
          disabled={blocked}
          onClick={() => deeds.onEdit(message)}
        />
      )}
      {mayModerate && (
        <>
          <IconButton
            icon={Pin}
            label={`Pin what ${name} wrote`}
            disabled={blocked}
            onClick={() => deeds.onPin(message)}
          />
          {!own && (
            <IconButton
              icon={Gavel}
              label={`Silence ${name}`}
              disabled={blocked}
              onClick={() => deeds.onSilence(message)}
            />
          )}
          <IconButton
            icon={Trash2}
            label={`Delete what ${name} wrote`}
            disabled={blocked}
            onClick={() => deeds.onDelete(message)}
          />
        </>
      )}
    </div>
  );
}
