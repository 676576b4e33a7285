import type { Session } from "./api/session.ts";
import { Observable } from "./observable.ts";
import { createRuntime, endRuntime, type Runtime } from "./runtime.ts";

/** Keeps one runtime for as long as one person is signed in, also while their sign-in has expired. */
export function keepRuntime(session: Session): Observable<Runtime | null> {
  const runtime = new Observable<Runtime | null>(null);
  let owner: string | null = null;
  const review = () => {
    const state = session.state.get();
    if (state.kind === "expired") return;
    const { identity } = "identity" in state ? state : { identity: null };
    const next = identity && `${state.kind} ${identity.user} ${identity.role}`;
    if (next === owner) return;
    owner = next;
    const old = runtime.get();
    if (old) endRuntime(old);
    runtime.set(next === null ? null : createRuntime(session));
  };
  session.state.subscribe(review);
  review();
  return runtime;
}
