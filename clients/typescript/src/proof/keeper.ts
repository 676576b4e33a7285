import { RequestError } from "../errors.ts";
import type { Admission, Proof } from "./proof.ts";

/** What the keeper needs from the connection. */
export interface KeeperWorld {
  now(): number;
  /** Sends `auth`; resolves with the server's `ack`, rejects with its refusal. */
  prove(token: string): Promise<void>;
  /** Somebody else, or the same with other rights, may be proven now. */
  proven(): void;
  /** Nobody could be proven on this connection. */
  notProven(reason: string): void;
  /** The connection goes on no longer than its proof: come back with another one. */
  replace(): void;
  /** {@link ProofKeeper.dueAt} is another one. */
  dueChanged(): void;
}

/** The wait before a renewal that failed is tried again. */
const AGAIN_MS = 5_000;

/**
 * Keeps the proof of one connection good: sends the first token, fetches the next one before it ends,
 * and sends that in place.
 */
export class ProofKeeper {
  private readonly proof: Proof;
  private readonly world: KeeperWorld;
  private renewAt: number | null = null;
  /** Counts connections, so that nothing late of an old one is taken for the present. */
  private era = 0;
  private token: string | null = null;
  private isProven = false;

  constructor(proof: Proof, world: KeeperWorld) {
    this.proof = proof;
    this.world = world;
  }

  /** When a renewal is due; `null` when none is. */
  get dueAt(): number | null {
    return this.renewAt;
  }

  admitted({ token, renewAt }: Admission): void {
    this.token = token ?? null;
    this.renewAt = renewAt ?? null;
  }

  /** The connection stands. */
  begin(isProven: boolean): void {
    this.isProven = isProven;
    const { token } = this;
    if (isProven || token === null) return;
    void this.prove(token, this.proof.renew !== undefined);
  }

  /** The connection is gone. */
  end(): void {
    this.era += 1;
    this.renewAt = null;
    this.token = null;
    this.isProven = false;
  }

  /** Sends a proof in place of the present one. */
  replace(token: string): void {
    void this.prove(token, false);
  }

  timer(): void {
    if (this.renewAt === null || this.renewAt > this.world.now()) return;
    this.renewAt = null;
    void this.renew(false);
  }

  private async renew(isLastTry: boolean): Promise<void> {
    const { era } = this;
    try {
      const next = await this.nextToken();
      if (this.era !== era || next === null) return;
      this.wake(next.renewAt ?? null);
      await this.prove(next.token, !isLastTry && !this.isProven);
    } catch {
      if (this.era === era) this.wake(this.world.now() + AGAIN_MS);
    }
  }

  /** A fresh one; the last one where there is no way to get another. */
  private async nextToken(): Promise<{ token: string; renewAt?: number } | null> {
    const { token } = this;
    if (this.proof.renew) return this.proof.renew(this.world.now());
    return token === null ? null : { token };
  }

  private wake(at: number | null): void {
    this.renewAt = at;
    this.world.dueChanged();
  }

  /** `mayAskAgain`: whether another token may be better than this one. */
  private async prove(token: string, mayAskAgain: boolean): Promise<void> {
    this.token = token;
    const { era } = this;
    try {
      await this.world.prove(token);
      if (this.era !== era) return;
      this.isProven = true;
      this.world.proven();
    } catch (error) {
      if (this.era !== era || !(error instanceof RequestError)) return;
      const isForNow = !error.code.startsWith("auth.");
      if (isForNow) this.wake(this.world.now() + (error.retryAfterMs ?? AGAIN_MS));
      else if (this.isProven) this.world.replace();
      else if (mayAskAgain) void this.renew(true);
      else this.world.notProven(error.message);
    }
  }
}
