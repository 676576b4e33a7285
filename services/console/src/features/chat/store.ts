import { type Api, outcomeOf } from "../../api/client.ts";
import type { Failure } from "../../api/problem.ts";
import type {
  ChatMessage,
  ChatMessageDeleted,
  EventMessage,
  HeldMessage,
} from "../../api/types.ts";
import type { ChannelListener } from "../../live/channel-listener.ts";
import { Observable } from "../../observable.ts";

/** Newest messages kept on the page, besides older ones that were asked for. */
export const MESSAGES_MAX = 300;
/** Older messages that are asked for at once. */
const PAGE = 50;

/** What became of a message. */
export type Sent =
  | { readonly kind: "posted" }
  | { readonly kind: "held" }
  | { readonly kind: "failed"; readonly failure: Failure };

/** What is written beside the text of a message. */
export interface Draft {
  readonly replyTo: string | null;
  readonly announce: boolean;
}

/** The chat, oldest message first. */
export class ChatStore implements ChannelListener {
  readonly messages = new Observable<readonly ChatMessage[] | null>(null);
  /** Whether there may be older messages than these. */
  readonly hasOlder = new Observable(true);
  private readonly api: Api;
  private readonly stream: string;
  private older = 0;

  constructor(api: Api, stream: string) {
    this.api = api;
    this.stream = stream;
  }

  snapshot(value: unknown): void {
    this.older = 0;
    this.hasOlder.set(true);
    if (Array.isArray(value)) this.messages.set(value.filter(isChatMessage).slice(-MESSAGES_MAX));
    else this.messages.set(this.messages.get() ?? []);
  }

  event({ event, data }: EventMessage): void {
    if (event === "chat.message.posted" && isChatMessage(data)) this.add(data);
    if (event === "chat.message.edited" && isChatMessage(data)) this.replace(data);
    if (event === "chat.message.deleted" && isDeletion(data)) this.remove(data.id);
  }

  /** Fetches the newest messages, where no live link brings them; false when that failed. */
  async load(): Promise<boolean> {
    const params = { query: { stream: this.stream } };
    const outcome = await outcomeOf(this.api.GET("/api/chat", { params }));
    if (outcome.ok) this.snapshot(outcome.data);
    return outcome.ok;
  }

  /** Fetches what was written before the oldest message; the result says why not. */
  async loadOlder(): Promise<Failure | null> {
    const oldest = this.messages.get()?.[0];
    if (!oldest) return null;
    const query = { stream: this.stream, before: oldest.id, limit: PAGE };
    const outcome = await outcomeOf(this.api.GET("/api/chat/messages", { params: { query } }));
    if (!outcome.ok) {
      // Nothing that old is kept.
      if (outcome.failure.status === 400) this.hasOlder.set(false);
      return outcome.failure.status === 400 ? null : outcome.failure;
    }
    const known = this.messages.get() ?? [];
    if (known[0]?.id !== oldest.id) return null;
    const ids = new Set(known.map(({ id }) => id));
    const added = outcome.data.messages.filter(({ id }) => !ids.has(id));
    this.older += added.length;
    this.hasOlder.set((outcome.data.next ?? null) !== null);
    this.messages.set([...added, ...known]);
    return null;
  }

  /** Posts. The message shows when the server has accepted it. */
  async post(text: string, { replyTo, announce }: Draft): Promise<Sent> {
    const params = { query: { stream: this.stream } };
    const body = { text, ...(replyTo !== null && { reply_to: replyTo }) };
    const outcome = announce
      ? await outcomeOf<ChatMessage>(this.api.POST("/api/chat/announcements", { params, body }))
      : await outcomeOf<ChatMessage | HeldMessage>(this.api.POST("/api/chat", { params, body }));
    if (!outcome.ok) return { kind: "failed", failure: outcome.failure };
    if (!isChatMessage(outcome.data) || "cause" in outcome.data) return { kind: "held" };
    this.add(outcome.data);
    return { kind: "posted" };
  }

  /** Gives a message another text; the result says why not. */
  async edit(id: string, text: string): Promise<Failure | null> {
    const params = { path: { id }, query: { stream: this.stream } };
    const outcome = await outcomeOf(this.api.PATCH("/api/chat/{id}", { params, body: { text } }));
    if (!outcome.ok) return outcome.failure;
    if (isChatMessage(outcome.data)) this.replace(outcome.data);
    return null;
  }

  /** Takes a message away; the result says why not. */
  async delete(id: string): Promise<Failure | null> {
    const outcome = await outcomeOf(
      this.api.DELETE("/api/chat/{id}", {
        params: { path: { id }, query: { stream: this.stream } },
      }),
    );
    if (!outcome.ok) return outcome.failure;
    this.remove(id);
    return null;
  }

  private remove(id: string): void {
    const messages = this.messages.get();
    if (messages?.some((message) => message.id === id))
      this.messages.set(messages.filter((message) => message.id !== id));
  }

  private replace(edited: ChatMessage): void {
    const messages = this.messages.get();
    if (messages?.some(({ id }) => id === edited.id))
      this.messages.set(messages.map((message) => (message.id === edited.id ? edited : message)));
  }

  /** The answer to the sender and the event to everybody are the same message. */
  private add(message: ChatMessage): void {
    const messages = this.messages.get() ?? [];
    if (messages.some(({ id }) => id === message.id)) return;
    this.messages.set([...messages, message].slice(-(MESSAGES_MAX + this.older)));
  }
}

export function isChatMessage(value: unknown): value is ChatMessage {
  return (
    typeof value === "object" &&
    value !== null &&
    "id" in value &&
    "text" in value &&
    typeof value.text === "string"
  );
}

function isDeletion(value: unknown): value is ChatMessageDeleted {
  return (
    typeof value === "object" && value !== null && "id" in value && typeof value.id === "string"
  );
}
