import { type Api, outcomeOf } from "../../api/client.ts";
import type { Failure } from "../../api/problem.ts";
import type { EventMessage, EventType, NewSchedule, ScheduleList } from "../../api/types.ts";
import type { ChannelListener } from "../../live/channel-listener.ts";
import { Observable } from "../../observable.ts";

const CHANGES: readonly EventType[] = ["schedule.created", "schedule.ended"];

/** What is done later, as the server lists it, read anew whenever something of it changes. */
export class ScheduleStore implements ChannelListener {
  readonly list = new Observable<ScheduleList | null>(null);
  /** Why it could not be read. */
  readonly failure = new Observable<Failure | null>(null);
  private readonly api: Api;
  private readonly stream: string;
  private asked = 0;

  constructor(api: Api, stream: string) {
    this.api = api;
    this.stream = stream;
  }

  snapshot(): void {
    void this.load();
  }

  event({ event }: EventMessage): void {
    if (CHANGES.includes(event)) void this.load();
  }

  /** Fetches the list. Of several answers the last asked for counts. */
  async load(): Promise<void> {
    this.asked += 1;
    const asked = this.asked;
    const params = { query: { stream: this.stream } };
    const outcome = await outcomeOf(this.api.GET("/api/schedules", { params }));
    if (asked !== this.asked) return;
    this.failure.set(outcome.ok ? null : outcome.failure);
    if (outcome.ok) this.list.set(outcome.data);
  }

  /** Adds a schedule; the result says why it was refused. */
  async create(body: NewSchedule): Promise<Failure | null> {
    const params = { query: { stream: this.stream } };
    const outcome = await outcomeOf(this.api.POST("/api/schedules", { params, body }));
    if (!outcome.ok) return outcome.failure;
    await this.load();
    return null;
  }

  /** Withdraws one that waits; one that is over meanwhile is no failure. */
  async withdraw(id: string): Promise<Failure | null> {
    const params = { path: { id }, query: { stream: this.stream } };
    const outcome = await outcomeOf(this.api.DELETE("/api/schedules/{id}", { params }));
    if (!outcome.ok && outcome.failure.status !== 404) return outcome.failure;
    await this.load();
    return null;
  }
}
