import { createContext, useContext } from "react";
import { may, type Permission } from "./api/permissions.ts";
import { useObservable } from "./observable.ts";
import type { Runtime } from "./runtime.ts";

export const RuntimeContext = createContext<Runtime | null>(null);

export function useRuntime(): Runtime {
  const runtime = useContext(RuntimeContext);
  if (!runtime) throw new Error("this component belongs inside the signed-in page");
  return runtime;
}

/** The person, with or without an account. */
export function useIdentity() {
  const state = useObservable(useRuntime().session.state);
  return "identity" in state ? state.identity : null;
}

/** Why the person may not do something; `null` when they may. */
export function useForbidden(permission: Permission): string | null {
  const identity = useIdentity();
  if (identity && may(identity.role, permission)) return null;
  return identity ? `Your role, ${identity.role}, does not allow this.` : "You are not signed in.";
}
