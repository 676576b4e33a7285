import { type Api, outcomeOf } from "../../api/client.ts";
import type { Failure } from "../../api/problem.ts";
import type {
  Alert,
  AlertDryRun,
  AlertRule,
  AlertSilence,
  EventMessage,
  Incident,
  NewAlertRule,
} from "../../api/types.ts";
import type { ChannelListener } from "../../live/channel-listener.ts";
import { Observable } from "../../observable.ts";

/** Alerts that are over and are shown. */
const HISTORY_MAX = 50;
/** Incidents that are shown. */
const INCIDENTS_MAX = 50;

/** What fires, what did, and what went wrong together, as the server tells it. */
export class AlertStore implements ChannelListener {
  /** The oldest first; `null` before they are known. */
  readonly firing = new Observable<readonly Alert[] | null>(null);
  /** The newest first. */
  readonly history = new Observable<readonly Alert[]>([]);
  /** The newest first. */
  readonly incidents = new Observable<readonly Incident[]>([]);
  readonly silences = new Observable<readonly AlertSilence[]>([]);
  readonly failure = new Observable<Failure | null>(null);
  private readonly api: Api;
  private readonly stream: string;

  constructor(api: Api, stream: string) {
    this.api = api;
    this.stream = stream;
  }

  snapshot(value: unknown): void {
    this.firing.set(value as readonly Alert[]);
    void this.load();
  }

  event({ event, data }: EventMessage): void {
    switch (event) {
      case "alert.fired":
      case "alert.muted":
        this.firing.set(put(this.firing.get() ?? [], data as Alert));
        break;
      case "alert.resolved": {
        const alert = data as Alert;
        this.firing.set((this.firing.get() ?? []).filter(({ id }) => id !== alert.id));
        this.history.set(front(this.history.get(), alert, HISTORY_MAX));
        break;
      }
      case "incident.opened":
      case "incident.updated":
      case "incident.resolved":
        this.incidents.set(front(this.incidents.get(), data as Incident, INCIDENTS_MAX));
        break;
    }
  }

  /** Fetches what no event has told. */
  async load(): Promise<void> {
    const { stream } = this;
    const [alerts, incidents, silences] = await Promise.all([
      outcomeOf(
        this.api.GET("/api/analytics/alerts", {
          params: { query: { stream, limit: HISTORY_MAX } },
        }),
      ),
      outcomeOf(
        this.api.GET("/api/analytics/incidents", {
          params: { query: { stream, limit: INCIDENTS_MAX } },
        }),
      ),
      outcomeOf(this.api.GET("/api/analytics/alerts/silences")),
    ]);
    const failed = [alerts, incidents, silences].find((outcome) => !outcome.ok);
    this.failure.set(failed && !failed.ok ? failed.failure : null);
    if (alerts.ok) {
      this.firing.set(alerts.data.firing);
      this.history.set(alerts.data.history);
    }
    if (incidents.ok) this.incidents.set(incidents.data.incidents);
    if (silences.ok) this.silences.set(silences.data.silences);
  }

  async rules() {
    return outcomeOf(this.api.GET("/api/analytics/alerts/rules"));
  }

  /** Says when a rule would have fired in the last hours. */
  async tryRule(rule: NewAlertRule, hours: number) {
    const query = { stream: this.stream, from: `-${hours}h` };
    return outcomeOf(
      this.api.POST("/api/analytics/alerts/rules/dry-run", { params: { query }, body: rule }),
    );
  }

  async createRule(rule: NewAlertRule): Promise<Failure | null> {
    const outcome = await outcomeOf(this.api.POST("/api/analytics/alerts/rules", { body: rule }));
    return outcome.ok ? null : outcome.failure;
  }

  /** Changes a rule as it was read. */
  async changeRule(
    { id, revision }: AlertRule,
    patch: Partial<NewAlertRule>,
  ): Promise<Failure | null> {
    const params = { path: { id }, header: { "If-Match": `"${revision}"` } };
    // A patch may leave out what a new rule must have.
    const body = patch as NewAlertRule;
    const outcome = await outcomeOf(
      this.api.PATCH("/api/analytics/alerts/rules/{id}", { params, body }),
    );
    return outcome.ok ? null : outcome.failure;
  }

  async deleteRule({ id, revision }: AlertRule): Promise<Failure | null> {
    const params = { path: { id }, header: { "If-Match": `"${revision}"` } };
    const outcome = await outcomeOf(
      this.api.DELETE("/api/analytics/alerts/rules/{id}", { params }),
    );
    return outcome.ok ? null : outcome.failure;
  }

  /** Lets nobody be told of a rule's alerts for so many minutes. */
  async silence(rule: string, minutes: number, comment: string): Promise<Failure | null> {
    const until = new Date(Date.now() + minutes * 60_000).toISOString();
    const body = { rule, stream: this.stream, until, comment };
    const outcome = await outcomeOf(this.api.POST("/api/analytics/alerts/silences", { body }));
    if (!outcome.ok) return outcome.failure;
    await this.load();
    return null;
  }

  async endSilence(id: string): Promise<void> {
    const params = { path: { id } };
    const outcome = await outcomeOf(
      this.api.DELETE("/api/analytics/alerts/silences/{id}", { params }),
    );
    this.failure.set(outcome.ok || outcome.failure.status === 404 ? null : outcome.failure);
    await this.load();
  }
}

export type DryRun = AlertDryRun;

/** The list with an item put in place of the one that is the same, or at its end. */
function put<T extends { id: string }>(items: readonly T[], item: T): readonly T[] {
  const isKnown = items.some(({ id }) => id === item.id);
  return isKnown ? items.map((old) => (old.id === item.id ? item : old)) : [...items, item];
}

/** The list with an item put in place of the one that is the same, or in front. */
function front<T extends { id: string }>(items: readonly T[], item: T, max: number): readonly T[] {
  const isKnown = items.some(({ id }) => id === item.id);
  return isKnown
    ? items.map((old) => (old.id === item.id ? item : old))
    : [item, ...items].slice(0, max);
}
