import { LogIn } from "lucide-react";
import { useObservable } from "../../observable.ts";
import { useIdentity, useRuntime } from "../../runtime-context.ts";
import { ChatPanel } from "../chat/chat-panel.tsx";
import { LinkBadge } from "../link/link-badge.tsx";
import { Preview } from "../preview/preview.tsx";
import { Brand } from "../session/brand.tsx";
import { StatusPill } from "../stream/status-pill.tsx";
import "../stream/live-bar.css";
import "./guest-page.css";

/** What somebody without an account sees: the program, where the public may watch it, and the chat. */
export function GuestPage() {
  const { session, state: stream } = useRuntime();
  const state = useObservable(stream.state);
  const identity = useIdentity();
  return (
    <>
      <header className="live-bar">
        <Brand />
        <div className="live-bar__stream">
          {state && <StatusPill status={state.status} />}
          <span className="live-bar__fact" data-testid="guest">
            You are {identity?.name}
          </span>
        </div>
        <LinkBadge />
        <button type="button" className="button" onClick={() => void session.signOut()}>
          <LogIn size={16} aria-hidden />
          Sign in
        </button>
      </header>
      <main className="guest-page">
        <h1 className="visually-hidden">Stream Manager</h1>
        {state ? (
          <Preview status={state.status} />
        ) : (
          <p className="guest-page__hint">The picture is for people with an account.</p>
        )}
        <ChatPanel />
      </main>
    </>
  );
}
