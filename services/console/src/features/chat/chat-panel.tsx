import { ArrowDown, SendHorizontal, Trash2 } from "lucide-react";
import { type FormEvent, type ReactNode, useState } from "react";
import type { Failure } from "../../api/problem.ts";
import type { ChatMessage } from "../../api/types.ts";
import { useObservable } from "../../observable.ts";
import { useForbidden, useRuntime } from "../../runtime-context.ts";
import { formatTime, formatUtc } from "../../ui/format.ts";
import { IconButton } from "../../ui/icon-button.tsx";
import { Message } from "../../ui/message.tsx";
import { useBlocked } from "../link/use-link.ts";
import { useFollowedScroll } from "./use-followed-scroll.ts";
import "./chat.css";

/** Longest message, as the server counts. */
const CHARACTERS_MAX = 500;

export function ChatPanel() {
  const { chat } = useRuntime();
  const messages = useObservable(chat.messages);
  const mayDelete = useForbidden("moderate-chat") === null;
  const unreachable = useBlocked();
  const [failure, setFailure] = useState<Failure | null>(null);
  const { list, unseen, toNewest } = useFollowedScroll(messages?.at(-1)?.id ?? null);
  return (
    <section className="panel chat" aria-labelledby="chat-title">
      <header className="panel__head">
        <h2 id="chat-title" className="panel__title">
          Chat
        </h2>
      </header>
      {failure && (
        <Message tone="bad" alert onDismiss={() => setFailure(null)}>
          Not deleted. {failure.message}
        </Message>
      )}
      <div className="chat__body">
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: who scrolls with the keyboard needs the focus here */}
        <ol className="chat__list" ref={list} tabIndex={0} aria-label="Messages">
          {messages?.map((message) => (
            <Row key={message.id} message={message}>
              {mayDelete && (
                <IconButton
                  icon={Trash2}
                  label={`Delete what ${message.name} wrote`}
                  className="chat__delete"
                  disabled={unreachable !== null}
                  onClick={async () => setFailure(await chat.delete(message.id))}
                />
              )}
            </Row>
          ))}
        </ol>
        {messages?.length === 0 && <p className="chat__empty">No messages yet.</p>}
        {unseen > 0 && (
          <button type="button" className="button button--primary chat__unseen" onClick={toNewest}>
            <ArrowDown size={16} aria-hidden />
            {unseen} new
          </button>
        )}
      </div>
      <Composer onPosted={toNewest} />
    </section>
  );
}

interface RowProps {
  readonly message: ChatMessage;
  /** What can be done with it. */
  readonly children: ReactNode;
}

function Row({ message, children }: RowProps) {
  return (
    <li className="chat__message">
      <p className="chat__who">
        <strong>{message.name}</strong>
        {message.role !== "viewer" && <span className="chat__role">{message.role}</span>}
        <time className="chat__time" dateTime={message.sent_at} title={formatUtc(message.sent_at)}>
          {formatTime(message.sent_at).slice(0, 5)}
        </time>
        {children}
      </p>
      <p className="chat__text">{message.text}</p>
    </li>
  );
}

function Composer({ onPosted }: { readonly onPosted: () => void }) {
  const { chat } = useRuntime();
  const forbidden = useForbidden("chat");
  const unreachable = useBlocked();
  const blocked = forbidden ?? unreachable;
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const left = CHARACTERS_MAX - [...text.trim()].length;

  const post = async (event: FormEvent) => {
    event.preventDefault();
    if (busy || blocked || text.trim() === "" || left < 0) return;
    setBusy(true);
    const failed = await chat.post(text.trim());
    setBusy(false);
    setFailure(failed);
    if (failed) return;
    setText("");
    onPosted();
  };

  return (
    <form className="chat__composer" onSubmit={post}>
      {failure && (
        <Message tone="bad" alert onDismiss={() => setFailure(null)}>
          Not sent. {failure.message}
        </Message>
      )}
      <div className="chat__entry">
        <input
          className="input"
          aria-label="Message"
          placeholder={blocked ?? "Write a message"}
          value={text}
          aria-invalid={left < 0}
          onChange={(event) => setText(event.target.value)}
        />
        <button
          type="submit"
          className="button"
          disabled={blocked !== null}
          title={blocked ?? undefined}
        >
          <SendHorizontal size={16} aria-hidden />
          Send
        </button>
      </div>
      {left < 50 && (
        <p className="chat__left" data-tone={left < 0 ? "bad" : "calm"}>
          {left < 0 ? `${-left} characters too many` : `${left} characters left`}
        </p>
      )}
    </form>
  );
}
