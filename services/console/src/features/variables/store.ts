import { type Api, outcomeOf } from "../../api/client.ts";
import type { Failure } from "../../api/problem.ts";
import type { EventMessage, Variables, VariablesChanged } from "../../api/types.ts";
import type { ChannelListener } from "../../live/channel-listener.ts";
import { Observable } from "../../observable.ts";

export type Value = string | number | boolean;

/** The variables of the stream as the server has them, and changes of them. */
export class VariableStore implements ChannelListener {
  readonly variables = new Observable<Variables | null>(null);
  readonly failure = new Observable<Failure | null>(null);
  private readonly api: Api;
  private readonly stream: string;

  constructor(api: Api, stream: string) {
    this.api = api;
    this.stream = stream;
  }

  snapshot(_scene: unknown): void {
    void this.load();
  }

  event({ event, data }: EventMessage): void {
    if (event === "variables.changed") this.take((data as VariablesChanged).variables);
  }

  async load(): Promise<void> {
    const query = { stream: this.stream };
    const outcome = await outcomeOf(this.api.GET("/api/variables", { params: { query } }));
    if (outcome.ok) this.take(outcome.data);
  }

  /** Sets a variable; null removes it. */
  async set(name: string, value: Value | null): Promise<boolean> {
    const outcome = await outcomeOf(
      this.api.PATCH("/api/variables", {
        params: { query: { stream: this.stream } },
        body: { values: { [name]: value } },
      }),
    );
    this.failure.set(outcome.ok ? null : outcome.failure);
    if (outcome.ok) this.take(outcome.data);
    return outcome.ok;
  }

  dismiss(): void {
    this.failure.set(null);
  }

  /** Answers and events come in any order; the newer one counts. */
  private take(variables: Variables): void {
    if (variables.revision >= (this.variables.get()?.revision ?? 0)) this.variables.set(variables);
  }
}

/** What somebody writes as the value of a new variable: a number where it is one, else a text. */
export function readValue(text: string): Value {
  const trimmed = text.trim();
  if (trimmed === "true" || trimmed === "false") return trimmed === "true";
  const number = Number(trimmed);
  return trimmed !== "" && Number.isFinite(number) ? number : text;
}

/** What is written over a value, which keeps its type; null where it is none. */
export function rewritten(before: Value, text: string): Value | null {
  if (typeof before === "string") return text;
  const value = readValue(text);
  return typeof value === typeof before ? value : null;
}
