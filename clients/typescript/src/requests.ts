import { ConnectionLostError, RequestError } from "./errors.ts";
import type { Present, ServerSays } from "./protocol/messages.ts";

interface Waiting {
  readonly resolve: (present: Present | null) => void;
  readonly reject: (error: Error) => void;
}

/** Requests of one connection that wait for their answer. */
export class Requests {
  private readonly waiting = new Map<number, Waiting>();

  /**
   * Resolves when `id` is answered, with who watches where that was asked; rejects with a `RequestError` or a
   * `ConnectionLostError`.
   */
  wait(id: number): Promise<Present | null> {
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
  }

  /** The request was carried out. */
  answer(id: number, present: Present | null = null): void {
    this.take(id)?.resolve(present);
  }

  /** The request was refused. False when the error answers none of these. */
  refuse({ id, code, detail, retry_after_ms }: ServerSays<"error">): boolean {
    const waiting = id == null ? undefined : this.take(id);
    waiting?.reject(new RequestError(code, detail, retry_after_ms ?? null));
    return waiting !== undefined;
  }

  /** The connection is gone, and the answers with it. */
  lose(): void {
    const lost = [...this.waiting.values()];
    this.waiting.clear();
    for (const { reject } of lost) reject(new ConnectionLostError());
  }

  private take(id: number): Waiting | undefined {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    return waiting;
  }
}
