import type { StreamState } from "../../api/types.ts";
import type { Observable } from "../../observable.ts";
import type { LinkState } from "../../ws/link-state.ts";
import { STATUS_WORDS } from "../stream/status.ts";
import type { Announcer } from "./announcer.ts";

/** Tells of changes of the stream's status, and at once when it has failed. */
export function announceStream(state: Observable<StreamState | null>, announcer: Announcer): void {
  let before = state.get()?.status;
  state.subscribe(() => {
    const now = state.get();
    if (!now || now.status === before) return;
    const isFirst = before === undefined;
    before = now.status;
    if (isFirst) return;
    const { label, meaning } = STATUS_WORDS[now.status];
    const text = `Stream ${label.toLowerCase()}. ${now.reason ?? meaning}`;
    if (now.status === "failed") announcer.interrupt(text);
    else announcer.say(text);
  });
}

const LINK_WORDS: Partial<Record<LinkState["kind"], string>> = {
  live: "Connected to the server.",
  stale: "Nothing heard from the server; what is shown may be old.",
  waiting: "The connection to the server is lost; reconnecting.",
  offline: "This device is offline.",
  ended: "The server ended the connection.",
};

/** Tells when the console's own link is lost and back. */
export function announceLink(link: Observable<LinkState>, announcer: Announcer): void {
  let before: LinkState["kind"] = "live";
  link.subscribe(() => {
    const { kind } = link.get();
    const text = LINK_WORDS[kind];
    if (!text || kind === before) return;
    before = kind;
    announcer.say(text);
  });
}
