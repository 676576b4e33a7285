import { type Api, outcomeOf } from "../../api/client.ts";
import type { Failure } from "../../api/problem.ts";
import type { ChatMessage, ChatMessageDeleted, EventMessage } from "../../api/types.ts";
import type { ChannelListener } from "../../live/channel-listener.ts";
import { Observable } from "../../observable.ts";

/** Messages kept on the page. */
export const MESSAGES_MAX = 300;

/** The chat, oldest message first. */
export class ChatStore implements ChannelListener {
  readonly messages = new Observable<readonly ChatMessage[] | null>(null);
  private readonly api: Api;
  private readonly stream: string;

  constructor(api: Api, stream: string) {
    this.api = api;
    this.stream = stream;
  }

  snapshot(value: unknown): void {
    if (Array.isArray(value)) this.messages.set(value.filter(isChatMessage).slice(-MESSAGES_MAX));
    else this.messages.set(this.messages.get() ?? []);
  }

  event({ event, data }: EventMessage): void {
    if (event === "chat.message.posted" && isChatMessage(data)) this.add(data);
    if (event === "chat.message.deleted" && isDeletion(data)) this.remove(data.id);
  }

  /** Fetches the newest messages, where no live link brings them; false when that failed. */
  async load(): Promise<boolean> {
    const params = { query: { stream: this.stream } };
    const outcome = await outcomeOf(this.api.GET("/api/chat", { params }));
    if (outcome.ok) this.snapshot(outcome.data);
    return outcome.ok;
  }

  /** Posts; the result says why not. The message shows when the server has accepted it. */
  async post(text: string): Promise<Failure | null> {
    const outcome = await outcomeOf(
      this.api.POST("/api/chat", { params: { query: { stream: this.stream } }, body: { text } }),
    );
    if (!outcome.ok) return outcome.failure;
    if (isChatMessage(outcome.data)) this.add(outcome.data);
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

  /** The answer to the sender and the event to everybody are the same message. */
  private add(message: ChatMessage): void {
    const messages = this.messages.get() ?? [];
    if (messages.some(({ id }) => id === message.id)) return;
    this.messages.set([...messages, message].slice(-MESSAGES_MAX));
  }
}

function isChatMessage(value: unknown): value is ChatMessage {
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
