import { type Api, outcomeOf } from "../../api/client.ts";
import type { Failure } from "../../api/problem.ts";
import type { ChatMessage, EventMessage } from "../../api/types.ts";
import type { Clock } from "../../clock.ts";
import type { ChannelListener } from "../../live/channel-listener.ts";
import { Observable } from "../../observable.ts";
import { isChatMessage } from "./store.ts";

/** The chat can be read again when nothing was left out for so long. */
const CALM_MS = 2_000;

/** What holds for the chat as a whole: what is pinned, and how fast one may write. */
export class ChatRoom implements ChannelListener {
  /** The one that was pinned last first. */
  readonly pins = new Observable<readonly ChatMessage[]>([]);
  /** Seconds that a person waits from one message to the next. */
  readonly slowMode = new Observable(0);
  /** Messages that the server left out in the present second, because nobody reads so many. */
  readonly leftOut = new Observable(0);
  private readonly api: Api;
  private readonly clock: Clock;
  private readonly stream: string;
  private calm: (() => void) | null = null;

  constructor(api: Api, clock: Clock, stream: string) {
    this.api = api;
    this.clock = clock;
    this.stream = stream;
  }

  snapshot(): void {
    void this.load();
  }

  event({ event, data }: EventMessage): void {
    if (typeof data !== "object" || data === null) return;
    if (event === "chat.pins.changed" && "pins" in data && Array.isArray(data.pins))
      this.pins.set(data.pins.filter(isChatMessage));
    if (event === "chat.rules.changed" && "slow_mode_s" in data)
      this.slowMode.set(Number(data.slow_mode_s) || 0);
    if (event === "chat.sampled" && "left_out_this_second" in data)
      this.sampled(Number(data.left_out_this_second) || 0);
  }

  private sampled(leftOut: number): void {
    this.leftOut.set(leftOut);
    this.calm?.();
    this.calm = this.clock.after(CALM_MS, () => this.leftOut.set(0));
  }

  async load(): Promise<void> {
    const params = { query: { stream: this.stream } };
    const [pins, rules] = await Promise.all([
      outcomeOf(this.api.GET("/api/chat/pins", { params })),
      outcomeOf(this.api.GET("/api/chat/rules", { params })),
    ]);
    if (pins.ok) this.pins.set(pins.data.pins);
    if (rules.ok) this.slowMode.set(rules.data.slow_mode_s ?? 0);
  }

  /** Pins a message; the result says why not. */
  async pin(id: string): Promise<Failure | null> {
    const params = { path: { id }, query: { stream: this.stream } };
    const outcome = await outcomeOf(this.api.PUT("/api/chat/pins/{id}", { params }));
    if (!outcome.ok) return outcome.failure;
    this.pins.set(outcome.data.pins);
    return null;
  }

  /** Unpins a message; the result says why not. */
  async unpin(id: string): Promise<Failure | null> {
    const params = { path: { id }, query: { stream: this.stream } };
    const outcome = await outcomeOf(this.api.DELETE("/api/chat/pins/{id}", { params }));
    if (!outcome.ok) return outcome.failure;
    this.pins.set(this.pins.get().filter((pin) => pin.id !== id));
    return null;
  }
}
