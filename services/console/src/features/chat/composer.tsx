import { SendHorizontal, X } from "lucide-react";
import { type FormEvent, useEffect, useRef, useState } from "react";
import type { Failure } from "../../api/problem.ts";
import type { ChatMessage } from "../../api/types.ts";
import { useObservable } from "../../observable.ts";
import { useForbidden, useRuntime } from "../../runtime-context.ts";
import { CheckField } from "../../ui/fields.tsx";
import { IconButton } from "../../ui/icon-button.tsx";
import { Message } from "../../ui/message.tsx";
import { useBlocked } from "../link/use-link.ts";

/** Longest message, as the server counts. */
const CHARACTERS_MAX = 500;

/** What the text that is written is for. */
export type Purpose =
  | { readonly kind: "post" }
  | { readonly kind: "reply"; readonly to: ChatMessage }
  | { readonly kind: "edit"; readonly message: ChatMessage };

interface ComposerProps {
  readonly purpose: Purpose;
  /** The text was sent, or is not to be. */
  readonly onDone: () => void;
  readonly onPosted: () => void;
}

type Answer = { readonly kind: "failed"; readonly failure: Failure } | { readonly kind: "held" };

export function Composer({ purpose, onDone, onPosted }: ComposerProps) {
  const { chat, chatRoom } = useRuntime();
  const forbidden = useForbidden("chat");
  const mayAnnounce = useForbidden("control-stream") === null;
  const unreachable = useBlocked();
  const slowMode = useObservable(chatRoom.slowMode);
  const bound = useForbidden("moderate-chat") !== null;
  const blocked = forbidden ?? unreachable;
  const [text, setText] = useState("");
  const [announce, setAnnounce] = useState(false);
  const [busy, setBusy] = useState(false);
  const [answer, setAnswer] = useState<Answer | null>(null);
  const field = useRef<HTMLInputElement>(null);
  const left = CHARACTERS_MAX - [...text.trim()].length;

  useEffect(() => {
    if (purpose.kind === "post") return;
    if (purpose.kind === "edit") setText(purpose.message.text);
    field.current?.focus();
  }, [purpose]);

  const cancel = () => {
    if (purpose.kind === "edit") setText("");
    onDone();
  };

  const send = async (): Promise<Answer | null> => {
    const wanted = text.trim();
    if (purpose.kind === "edit") {
      const failure = await chat.edit(purpose.message.id, wanted);
      return failure && { kind: "failed", failure };
    }
    const replyTo = purpose.kind === "reply" ? purpose.to.id : null;
    const sent = await chat.post(wanted, { replyTo, announce });
    return sent.kind === "posted" ? null : sent;
  };

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy || blocked || text.trim() === "" || left < 0) return;
    setBusy(true);
    const answered = await send();
    setBusy(false);
    setAnswer(answered);
    if (answered?.kind === "failed") return;
    setText("");
    setAnnounce(false);
    onDone();
    if (purpose.kind !== "edit") onPosted();
  };

  return (
    <form
      className="chat__composer"
      onSubmit={submit}
      onKeyDown={(event) => {
        if (event.key === "Escape" && purpose.kind !== "post") cancel();
      }}
    >
      {answer?.kind === "failed" && (
        <Message tone="bad" alert onDismiss={() => setAnswer(null)}>
          Not sent. {answer.failure.message}
        </Message>
      )}
      {answer?.kind === "held" && (
        <Message tone="calm" alert onDismiss={() => setAnswer(null)}>
          A moderator reads your message before it shows.
        </Message>
      )}
      {purpose.kind !== "post" && (
        <div className="chat__purpose">
          <span>
            {purpose.kind === "reply"
              ? `Reply to ${purpose.to.name}: ${purpose.to.text}`
              : "Edit your message"}
          </span>
          <IconButton icon={X} label="Cancel" onClick={cancel} />
        </div>
      )}
      <div className="chat__entry">
        <input
          ref={field}
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
          {purpose.kind === "edit" ? "Save" : "Send"}
        </button>
      </div>
      {mayAnnounce && purpose.kind !== "edit" && (
        <CheckField
          label="Announce to all"
          checked={announce}
          disabled={blocked !== null}
          onChange={setAnnounce}
        />
      )}
      {slowMode > 0 && (
        <p className="chat__left">
          Slow mode: one message every {slowMode} s{bound ? "." : ", but not for you."}
        </p>
      )}
      {left < 50 && (
        <p className="chat__left" data-tone={left < 0 ? "bad" : "calm"}>
          {left < 0 ? `${-left} characters too many` : `${left} characters left`}
        </p>
      )}
    </form>
  );
}
