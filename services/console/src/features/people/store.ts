import { type Api, outcomeOf } from "../../api/client.ts";
import type { Failure } from "../../api/problem.ts";
import type { CreatedUser, PasswordLink, Role, User } from "../../api/types.ts";
import { Observable } from "../../observable.ts";

/** A link that was made, until it was seen: it is not shown again. */
export interface GivenLink {
  readonly username: string;
  readonly link: PasswordLink;
}

/** Everybody, for who manages people. Each command says why it was not carried out. */
export class PeopleStore {
  readonly people = new Observable<readonly User[] | null>(null);
  readonly link = new Observable<GivenLink | null>(null);
  private readonly api: Api;

  constructor(api: Api) {
    this.api = api;
  }

  async load(): Promise<Failure | null> {
    const outcome = await outcomeOf<User[]>(this.api.GET("/api/users"));
    if (outcome.ok) this.people.set(outcome.data);
    return outcome.ok ? null : outcome.failure;
  }

  /** Invites somebody, who chooses a password by the {@link link}. */
  async invite(username: string, role: Role): Promise<Failure | null> {
    const body = { username, role };
    const outcome = await outcomeOf<CreatedUser>(this.api.POST("/api/users", { body }));
    if (!outcome.ok) return outcome.failure;
    if (outcome.data.link) this.link.set({ username, link: outcome.data.link });
    return this.load();
  }

  async change(
    username: string,
    body: { readonly role?: Role; readonly disabled?: boolean },
  ): Promise<Failure | null> {
    const params = { path: { username } };
    return this.done(this.api.PATCH("/api/users/{username}", { params, body }));
  }

  /** Makes a link by which the person chooses a new password. */
  async makeLink(username: string): Promise<Failure | null> {
    const params = { path: { username } };
    const outcome = await outcomeOf<PasswordLink>(
      this.api.POST("/api/users/{username}/password-link", { params }),
    );
    if (outcome.ok) this.link.set({ username, link: outcome.data });
    return outcome.ok ? null : outcome.failure;
  }

  async signOut(username: string): Promise<Failure | null> {
    const params = { path: { username } };
    return this.done(this.api.DELETE("/api/users/{username}/sessions", { params }));
  }

  async resetSecondFactor(username: string): Promise<Failure | null> {
    const params = { path: { username } };
    return this.done(this.api.DELETE("/api/users/{username}/second-factor", { params }));
  }

  async remove(username: string): Promise<Failure | null> {
    const params = { path: { username } };
    return this.done(this.api.DELETE("/api/users/{username}", { params }));
  }

  private async done(pending: Parameters<typeof outcomeOf>[0]): Promise<Failure | null> {
    const outcome = await outcomeOf(pending);
    return outcome.ok ? this.load() : outcome.failure;
  }
}
