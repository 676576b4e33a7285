import type { LinkState, Readable } from "@stream-manager/client";
import type { OutputState, StreamState } from "../../api/types.ts";
import type { Observable } from "../../observable.ts";
import { statusWords } from "../outputs/words.ts";
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

/**
 * Tells of outputs that deliver, fail or come back, by themselves. When the stream's own status
 * changes they follow it, and that is told already.
 */
export function announceOutputs(state: Observable<StreamState | null>, announcer: Announcer): void {
  let before = state.get();
  state.subscribe(() => {
    const now = state.get();
    const changed = before && now && before.status === now.status ? turned(before, now) : [];
    before = now;
    if (changed.length > 0) announcer.say(changed.map(outputText).join(" "));
  });
}

function turned(before: StreamState, now: StreamState): OutputState[] {
  const statuses = new Map(before.outputs.map(({ id, status }) => [id, status]));
  return now.outputs.filter(({ id, status }) => {
    const old = statuses.get(id);
    return status !== "connecting" && old !== undefined && old !== status;
  });
}

function outputText({ name, kind, status, error }: OutputState): string {
  const { label, meaning } = statusWords(kind, status);
  return `Output ${name} ${label.toLowerCase()}. ${error ?? meaning}`;
}

const LINK_WORDS: Partial<Record<LinkState["kind"], string>> = {
  live: "Connected to the server.",
  stale: "Nothing heard from the server; what is shown may be old.",
  waiting: "The connection to the server is lost; reconnecting.",
  offline: "This device is offline.",
  refused: "The server ended the connection.",
};

/** Tells when the console's own link is lost and back. */
export function announceLink(link: Readable<LinkState>, announcer: Announcer): void {
  let before: LinkState["kind"] = "live";
  link.subscribe(() => {
    const { kind } = link.get();
    const text = LINK_WORDS[kind];
    if (!text || kind === before) return;
    before = kind;
    announcer.say(text);
  });
}
