import { ArrowDown, ScrollText, SlidersHorizontal } from "lucide-react";
import { Suspense, useMemo, useState } from "react";
import type { Failure } from "../../api/problem.ts";
import type { ChatMessage } from "../../api/types.ts";
import { useObservable } from "../../observable.ts";
import { useForbidden, useRuntime } from "../../runtime-context.ts";
import { IconButton } from "../../ui/icon-button.tsx";
import { lazily } from "../../ui/lazily.ts";
import { Message } from "../../ui/message.tsx";
import { useBlocked } from "../link/use-link.ts";
import { Composer, type Purpose } from "./composer.tsx";
import { HeldDialog } from "./held-dialog.tsx";
import { type MessageDeeds, MessageRow } from "./message-row.tsx";
import { Pins } from "./pins.tsx";
import { SilenceDialog } from "./silence-dialog.tsx";
import { useFollowedScroll } from "./use-followed-scroll.ts";
import "./chat.css";

const LogDialog = lazily(async () => (await import("./log-dialog.tsx")).LogDialog);
const RulesDialog = lazily(async () => (await import("./rules-dialog.tsx")).RulesDialog);

const POST: Purpose = { kind: "post" };

type Opened =
  | { readonly kind: "held" }
  | { readonly kind: "rules" }
  | { readonly kind: "log" }
  | { readonly kind: "silence"; readonly message: ChatMessage };

export function ChatPanel() {
  const { chat, chatRoom } = useRuntime();
  const messages = useObservable(chat.messages);
  const hasOlder = useObservable(chat.hasOlder);
  const leftOut = useObservable(chatRoom.leftOut);
  const mayModerate = useForbidden("moderate-chat") === null;
  const blocked = useBlocked() !== null;
  const [failure, setFailure] = useState<Failure | null>(null);
  const [purpose, setPurpose] = useState<Purpose>(POST);
  const [opened, setOpened] = useState<Opened | null>(null);
  const { list, unseen, toNewest } = useFollowedScroll(messages?.at(-1)?.id ?? null);
  const deeds = useMemo<MessageDeeds>(
    () => ({
      onReply: (to) => setPurpose({ kind: "reply", to }),
      onEdit: (message) => setPurpose({ kind: "edit", message }),
      onPin: async ({ id }) => setFailure(await chatRoom.pin(id)),
      onDelete: async ({ id }) => setFailure(await chat.delete(id)),
      onSilence: (message) => setOpened({ kind: "silence", message }),
    }),
    [chat, chatRoom],
  );
  return (
    <section className="panel chat" aria-labelledby="chat-title">
      <header className="panel__head">
        <h2 id="chat-title" className="panel__title">
          Chat
        </h2>
        {mayModerate && <Tools onOpen={setOpened} />}
      </header>
      {failure && (
        <Message tone="bad" alert onDismiss={() => setFailure(null)}>
          Not done. {failure.message}
        </Message>
      )}
      {leftOut > 0 && (
        <Message tone="warn">
          Faster than anybody reads: {leftOut} messages of this second are not shown here. All are
          kept.
        </Message>
      )}
      <Pins blocked={blocked} onFailure={setFailure} />
      <div className="chat__body">
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: who scrolls with the keyboard needs the focus here */}
        <ol className="chat__list" ref={list} tabIndex={0} aria-label="Messages">
          {hasOlder && messages !== null && messages.length > 0 && (
            <li className="chat__older">
              <button
                type="button"
                className="button button--quiet"
                disabled={blocked}
                onClick={async () => setFailure(await chat.loadOlder())}
              >
                Show older
              </button>
            </li>
          )}
          {messages?.map((message) => (
            <MessageRow key={message.id} message={message} blocked={blocked} deeds={deeds} />
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
      <Composer purpose={purpose} onDone={() => setPurpose(POST)} onPosted={toNewest} />
      <Suspense>{opened && <Opening opened={opened} onClose={() => setOpened(null)} />}</Suspense>
    </section>
  );
}

/** What moderators open. */
function Tools({ onOpen }: { readonly onOpen: (opened: Opened) => void }) {
  const { moderation } = useRuntime();
  const held = useObservable(moderation.held);
  return (
    <div className="chat__tools">
      {held.length > 0 && (
        <button type="button" className="button" onClick={() => onOpen({ kind: "held" })}>
          {held.length} held
        </button>
      )}
      <IconButton
        icon={SlidersHorizontal}
        label="Rules of the chat"
        onClick={() => onOpen({ kind: "rules" })}
      />
      <IconButton icon={ScrollText} label="Moderation" onClick={() => onOpen({ kind: "log" })} />
    </div>
  );
}

function Opening({ opened, onClose }: { readonly opened: Opened; readonly onClose: () => void }) {
  switch (opened.kind) {
    case "held":
      return <HeldDialog onClose={onClose} />;
    case "rules":
      return <RulesDialog onClose={onClose} />;
    case "log":
      return <LogDialog onClose={onClose} />;
    case "silence": {
      const { user, name } = opened.message;
      return <SilenceDialog user={user} name={name} onClose={onClose} />;
    }
  }
}
