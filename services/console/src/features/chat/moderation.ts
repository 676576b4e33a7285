import { type Api, type Outcome, outcomeOf } from "../../api/client.ts";
import type { Failure } from "../../api/problem.ts";
import type {
  BanList,
  ChatRules,
  EventMessage,
  HeldMessage,
  ModerationLog,
  SilenceChatUser,
} from "../../api/types.ts";
import type { Clock } from "../../clock.ts";
import type { ChannelListener } from "../../live/channel-listener.ts";
import { Observable } from "../../observable.ts";

/** Messages are held in bursts: the queue is read when it rests. */
const REST_MS = 200;

/** What moderators see and decide. */
export class Moderation implements ChannelListener {
  /** The messages that wait, oldest first. */
  readonly held = new Observable<readonly HeldMessage[]>([]);
  private readonly api: Api;
  private readonly clock: Clock;
  private readonly stream: string;
  private cancel: (() => void) | null = null;

  constructor(api: Api, clock: Clock, stream: string) {
    this.api = api;
    this.clock = clock;
    this.stream = stream;
  }

  snapshot(): void {
    this.schedule();
  }

  event({ event }: EventMessage): void {
    if (event === "chat.held.changed") this.schedule();
  }

  /** Posts a message that waits, or throws it away; the result says why not. */
  async decide(id: string, approved: boolean): Promise<Failure | null> {
    const params = { path: { id }, query: this.query };
    const outcome = approved
      ? await outcomeOf(this.api.POST("/api/chat/held/{id}", { params }))
      : await outcomeOf(this.api.DELETE("/api/chat/held/{id}", { params }));
    // What another moderator decided first is decided, too.
    if (!outcome.ok && outcome.failure.status !== 404) return outcome.failure;
    this.held.set(this.held.get().filter((message) => message.id !== id));
    return null;
  }

  /** Silences somebody; the result says why not. */
  async silence(user: string, body: SilenceChatUser): Promise<Failure | null> {
    const params = { path: { user }, query: this.query };
    const outcome = await outcomeOf(this.api.PUT("/api/chat/bans/{user}", { params, body }));
    return outcome.ok ? null : outcome.failure;
  }

  /** Lets somebody write again; the result says why not. */
  async restore(user: string): Promise<Failure | null> {
    const params = { path: { user }, query: this.query };
    const outcome = await outcomeOf(this.api.DELETE("/api/chat/bans/{user}", { params }));
    return outcome.ok || outcome.failure.status === 404 ? null : outcome.failure;
  }

  bans(): Promise<Outcome<BanList>> {
    return outcomeOf(this.api.GET("/api/chat/bans", { params: { query: this.query } }));
  }

  /** What moderators did, newest first, before the `next` of an earlier page. */
  log(before: string | null): Promise<Outcome<ModerationLog>> {
    const query = { ...this.query, ...(before !== null && { before }) };
    return outcomeOf(this.api.GET("/api/chat/moderation", { params: { query } }));
  }

  rules(): Promise<Outcome<ChatRules>> {
    return outcomeOf(this.api.GET("/api/chat/rules", { params: { query: this.query } }));
  }

  /** Replaces the rules that were read with this entity tag. */
  replaceRules(etag: string, body: ChatRules): Promise<Outcome<ChatRules>> {
    const params = { query: this.query, header: { "If-Match": etag } };
    return outcomeOf(this.api.PUT("/api/chat/rules", { params, body }));
  }

  private get query() {
    return { stream: this.stream };
  }

  private schedule(): void {
    this.cancel?.();
    this.cancel = this.clock.after(REST_MS, () => void this.load());
  }

  private async load(): Promise<void> {
    const params = { query: this.query };
    const outcome = await outcomeOf(this.api.GET("/api/chat/held", { params }));
    if (outcome.ok) this.held.set(outcome.data.held);
  }
}
