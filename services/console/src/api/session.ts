import type { Clock } from "../clock.ts";
import { Observable } from "../observable.ts";
import { type Guest, type GuestStore, identityOf, opensToGuests } from "./guests.ts";
import { type Failure, failureOf, NO_ANSWER } from "./problem.ts";
import type { components } from "./types.gen.ts";
import type { Enrolment, Identity } from "./types.ts";

type Tokens = components["schemas"]["Tokens"];
type SecondStepRequired = components["schemas"]["SecondStepRequired"];

/** The password was right, and a code of the authenticator app is awaited. */
export interface SecondStep {
  readonly challenge: string;
  /** What to enrol first, where the role asks for a second factor and there is none yet. */
  readonly enrolment: Enrolment | null;
}

export type SessionState =
  /** A refresh token of this tab is being tried. */
  | { readonly kind: "restoring"; readonly failure: Failure | null }
  | { readonly kind: "signed-out" }
  | { readonly kind: "signed-in"; readonly identity: Identity }
  /** Somebody without an account, who may chat. */
  | { readonly kind: "guest"; readonly identity: Identity }
  /** The sign-in ended on the server; the page stays as it was, behind the form. */
  | { readonly kind: "expired"; readonly identity: Identity };

/** Where the refresh token outlives a reload of the tab. */
export interface TokenStore {
  load(): string | null;
  save(refreshToken: string | null): void;
}

/** Tells the tabs that share a sign-in: a rotated token used twice would end it for all of them. */
export interface Siblings {
  /** Runs `task` while no sibling runs its own. */
  exclusively<T>(task: () => Promise<T>): Promise<T>;
  announce(used: string, tokens: Tokens): void;
  listen(heard: (used: string, tokens: Tokens) => void): void;
}

export interface SessionOptions {
  /** An API path to its address. */
  readonly url: (path: string) => string;
  readonly fetch: (request: Request) => Promise<Response>;
  readonly store: TokenStore;
  readonly guests: GuestStore;
  readonly siblings: Siblings;
  readonly clock: Clock;
}

/** Access tokens are renewed when this share of their life is over. */
const RENEW_AT = 0.75;
const RETRY_MS = 3_000;

/**
 * Who is signed in, and the tokens that prove it. The access token lives in memory alone; the
 * refresh token is rotated at each use and kept for this tab.
 */
export class Session {
  readonly state: Observable<SessionState>;
  /** Between the password and the second factor. */
  readonly secondStep = new Observable<SecondStep | null>(null);
  /** Codes that signing in gave out, until they were seen: they are not shown again. */
  readonly recoveryCodes = new Observable<readonly string[] | null>(null);
  private readonly options: SessionOptions;
  private tokens: Tokens | null = null;
  private guest: Guest | null = null;
  private refreshToken: string | null;
  /** Whether renewals bring a cookie as well. */
  private wantsCookie = false;
  private renewal: Promise<boolean> | null = null;
  private cancelRenewal: () => void = () => {};
  private readonly tokenListeners = new Set<(accessToken: string) => void>();

  constructor(options: SessionOptions) {
    this.options = options;
    this.refreshToken = options.store.load();
    this.guest = this.refreshToken ? null : options.guests.load();
    this.state = new Observable<SessionState>(this.beginning());
    options.siblings.listen((used, tokens) => {
      if (used === this.refreshToken) this.adopt(tokens);
    });
  }

  /** The newest access token, for requests that cannot go through {@link fetch}. */
  accessToken(): string | null {
    return this.tokens?.access_token ?? null;
  }

  /** The token of a guest, which opens the chat alone; null for everybody else. */
  guestToken(): string | null {
    return this.guest?.token ?? null;
  }

  /** Hears of every new access token. */
  onToken(listener: (accessToken: string) => void): () => void {
    this.tokenListeners.add(listener);
    return () => this.tokenListeners.delete(listener);
  }

  /** Picks up the sign-in that a reload left behind; tries until the server has answered. */
  async restore(): Promise<void> {
    if (this.state.get().kind !== "restoring") return;
    const failure = (await this.renew()) ? await this.identify() : NO_ANSWER;
    if (failure === null || this.state.get().kind !== "restoring") return;
    this.state.set({ kind: "restoring", failure });
    this.options.clock.after(RETRY_MS, () => void this.restore());
  }

  /** Signs in, or goes on to the {@link secondStep}; the result says why not. */
  async signIn(username: string, password: string): Promise<Failure | null> {
    const answer = await this.post("api/auth/login", { username, password });
    if ("failure" in answer) return answer.failure;
    if ("step" in answer) {
      const { challenge, enrolment = null } = answer.step;
      this.secondStep.set({ challenge, enrolment });
      return null;
    }
    return this.enter(answer.tokens);
  }

  /** Signs in by the second factor; the result says why not. */
  async answer(code: string): Promise<Failure | null> {
    const challenge = this.secondStep.get()?.challenge;
    if (!challenge) return null;
    const answer = await this.post("api/auth/login/second-factor", { challenge, code });
    if ("failure" in answer) return answer.failure;
    if ("step" in answer) return NO_ANSWER;
    this.secondStep.set(null);
    this.recoveryCodes.set(answer.tokens.recovery_codes ?? null);
    return this.enter(answer.tokens);
  }

  /** Back to the password. */
  startOver(): void {
    this.secondStep.set(null);
  }

  private async enter(tokens: Tokens): Promise<Failure | null> {
    this.adopt(tokens);
    const failure = await this.identify();
    if (failure) this.forget();
    return failure;
  }

  /** Comes in without an account, to chat; the result says why not. */
  async comeAsGuest(stream = "main"): Promise<Failure | null> {
    if (this.state.get().kind !== "signed-out") return null;
    const answer = await this.ask(`api/chat/guests?stream=${encodeURIComponent(stream)}`, {});
    if ("failure" in answer) return answer.failure;
    this.guest = answer.body as Guest;
    this.options.guests.save(this.guest);
    this.state.set({ kind: "guest", identity: identityOf(this.guest) });
    return null;
  }

  async signOut(): Promise<void> {
    const refreshToken = this.refreshToken;
    this.forget();
    this.state.set({ kind: "signed-out" });
    if (refreshToken) await this.post("api/auth/logout", { refresh_token: refreshToken });
  }

  /** Sends a request with the access token, and once more with a new one where it was refused. */
  fetch = async (request: Request): Promise<Response> => {
    if (this.guest) return this.fetchAsGuest(request, this.guest);
    const again = request.clone();
    const response = await this.options.fetch(this.prove(request));
    if (response.status !== 401 || !(await this.renew())) return response;
    // What the person may do has changed, and the page should offer that.
    if (await isRevoked(response)) void this.identify();
    return this.options.fetch(this.prove(again));
  };

  /**
   * Lets the browser prove by a cookie who asks, for what it fetches by itself, such as a file to
   * save; out of reach of scripts and of other sites. From then on it is renewed with the token.
   * False when there is no cookie.
   */
  async proveByCookie(): Promise<boolean> {
    this.wantsCookie = true;
    // An exchange that is under way may bring none.
    await this.renewal;
    return this.renew();
  }

  /** Exchanges the refresh token; one exchange at a time. False when there is no new token. */
  renew(): Promise<boolean> {
    this.renewal ??= this.options.siblings
      .exclusively(() => this.exchange())
      .finally(() => {
        this.renewal = null;
      });
    return this.renewal;
  }

  private async exchange(): Promise<boolean> {
    const used = this.refreshToken;
    if (!used) return false;
    const body = { refresh_token: used, ...(this.wantsCookie && { cookie: true }) };
    const answer = await this.post("api/auth/refresh", body);
    if (this.refreshToken !== used) return this.tokens !== null;
    if ("tokens" in answer) {
      this.adopt(answer.tokens);
      this.options.siblings.announce(used, answer.tokens);
      return true;
    }
    if ("failure" in answer && answer.failure.status === 401) this.expire();
    else if (this.tokens) this.schedule(RETRY_MS);
    return false;
  }

  private async fetchAsGuest(request: Request, guest: Guest): Promise<Response> {
    if (!opensToGuests(request.url)) return this.options.fetch(request);
    request.headers.set("Authorization", `Bearer ${guest.token}`);
    const response = await this.options.fetch(request);
    // The visit is over; whoever comes again is another guest.
    if (response.status === 401 && this.guest === guest) {
      this.forget();
      this.state.set({ kind: "signed-out" });
    }
    return response;
  }

  private beginning(): SessionState {
    if (this.refreshToken) return { kind: "restoring", failure: null };
    if (this.guest) return { kind: "guest", identity: identityOf(this.guest) };
    return { kind: "signed-out" };
  }

  private async identify(): Promise<Failure | null> {
    const request = new Request(this.options.url("api/auth/me"));
    try {
      const response = await this.fetch(request);
      const body: unknown = await response.json().catch(() => null);
      if (!response.ok) return failureOf(response, body);
      this.state.set({ kind: "signed-in", identity: body as Identity });
      return null;
    } catch {
      return NO_ANSWER;
    }
  }

  private async post(
    path: string,
    body: unknown,
  ): Promise<{ tokens: Tokens } | { step: SecondStepRequired } | { failure: Failure }> {
    const answer = await this.ask(path, body);
    if ("failure" in answer) return answer;
    if (answer.status === 202) return { step: answer.body as SecondStepRequired };
    return { tokens: answer.body as Tokens };
  }

  private async ask(
    path: string,
    body: unknown,
  ): Promise<{ status: number; body: unknown } | { failure: Failure }> {
    try {
      const response = await this.options.fetch(
        new Request(this.options.url(path), {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify(body),
        }),
      );
      const answer: unknown = await response.json().catch(() => null);
      if (!response.ok) return { failure: failureOf(response, answer) };
      return { status: response.status, body: answer };
    } catch {
      return { failure: NO_ANSWER };
    }
  }

  private prove(request: Request): Request {
    const token = this.accessToken();
    if (token) request.headers.set("Authorization", `Bearer ${token}`);
    return request;
  }

  private adopt(tokens: Tokens): void {
    this.tokens = tokens;
    this.refreshToken = tokens.refresh_token;
    this.options.store.save(tokens.refresh_token);
    this.schedule(tokens.expires_in * 1000 * RENEW_AT);
    for (const listener of [...this.tokenListeners]) listener(tokens.access_token);
  }

  private schedule(delayMs: number): void {
    this.cancelRenewal();
    this.cancelRenewal = this.options.clock.after(delayMs, () => void this.renew());
  }

  private expire(): void {
    const state = this.state.get();
    this.forget();
    if (state.kind === "signed-in") this.state.set({ kind: "expired", identity: state.identity });
    else if (state.kind === "restoring") this.state.set({ kind: "signed-out" });
  }

  private forget(): void {
    this.cancelRenewal();
    this.tokens = null;
    this.wantsCookie = false;
    this.refreshToken = null;
    this.options.store.save(null);
    this.guest = null;
    this.options.guests.save(null);
  }
}

/** Whether a token was refused that would be good otherwise. */
async function isRevoked(response: Response): Promise<boolean> {
  const body: unknown = await response
    .clone()
    .json()
    .catch(() => null);
  return failureOf(response, body).code === "auth.token.revoked";
}
