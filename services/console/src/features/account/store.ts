import { type Api, outcomeOf } from "../../api/client.ts";
import type { Failure } from "../../api/problem.ts";
import type { Enrolment, SecondFactorStatus, SessionInfo } from "../../api/types.ts";
import { Observable } from "../../observable.ts";

/** What a person proves once more, before something that a stolen session must not do. */
export interface Proof {
  readonly password: string;
  readonly code: string | null;
}

type Gives<T> = Promise<{ readonly value: T } | { readonly failure: Failure }>;

/** The person's own sign-ins and second factor. */
export class AccountStore {
  readonly sessions = new Observable<readonly SessionInfo[] | null>(null);
  readonly secondFactor = new Observable<SecondFactorStatus | null>(null);
  private readonly api: Api;

  constructor(api: Api) {
    this.api = api;
  }

  /** Reads both; the result says why not. */
  async load(): Promise<Failure | null> {
    const [sessions, factor] = await Promise.all([
      outcomeOf<SessionInfo[]>(this.api.GET("/api/auth/sessions")),
      outcomeOf<SecondFactorStatus>(this.api.GET("/api/auth/second-factor")),
    ]);
    if (sessions.ok) this.sessions.set(sessions.data);
    if (factor.ok) this.secondFactor.set(factor.data);
    if (!sessions.ok) return sessions.failure;
    return factor.ok ? null : factor.failure;
  }

  /** Ends a sign-in. */
  async end(id: string): Promise<Failure | null> {
    const params = { path: { session: id } };
    const outcome = await outcomeOf(this.api.DELETE("/api/auth/sessions/{session}", { params }));
    // One that is over already is what was wanted.
    if (!outcome.ok && outcome.failure.status !== 404) return outcome.failure;
    return this.load();
  }

  /** Ends all sign-ins but this one. */
  async endOthers(): Promise<Failure | null> {
    const params = { query: { keep_current: true } };
    const outcome = await outcomeOf(this.api.DELETE("/api/auth/sessions", { params }));
    return outcome.ok ? this.load() : outcome.failure;
  }

  /** Begins to enrol an authenticator app. */
  async begin(proof: Proof): Gives<Enrolment> {
    const body = bodyOf(proof);
    return given(await outcomeOf<Enrolment>(this.api.POST("/api/auth/second-factor", { body })));
  }

  /** Enrols it by a code of it. Gives the recovery codes. */
  async confirm(code: string): Gives<readonly string[]> {
    return this.codes(this.api.POST("/api/auth/second-factor/confirm", { body: { code } }));
  }

  /** Replaces the recovery codes. */
  async renewCodes(proof: Proof): Gives<readonly string[]> {
    const body = bodyOf(proof);
    return this.codes(this.api.POST("/api/auth/second-factor/recovery-codes", { body }));
  }

  /** Gives the second factor up. */
  async remove(proof: Proof): Promise<Failure | null> {
    const body = bodyOf(proof);
    const outcome = await outcomeOf(this.api.POST("/api/auth/second-factor/remove", { body }));
    return outcome.ok ? this.load() : outcome.failure;
  }

  private async codes(
    pending: Parameters<typeof outcomeOf<{ recovery_codes: string[] }>>[0],
  ): Gives<readonly string[]> {
    const outcome = await outcomeOf(pending);
    if (!outcome.ok) return { failure: outcome.failure };
    void this.load();
    return { value: outcome.data.recovery_codes };
  }
}

function bodyOf({ password, code }: Proof) {
  return { password, ...(code && { code }) };
}

function given<T>(outcome: Awaited<ReturnType<typeof outcomeOf<T>>>): Awaited<Gives<T>> {
  return outcome.ok ? { value: outcome.data } : { failure: outcome.failure };
}
