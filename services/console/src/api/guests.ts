import type { components } from "./types.gen.ts";
import type { Identity } from "./types.ts";

/** Somebody without an account, as the chat knows them. */
export type Guest = components["schemas"]["ChatGuest"];

/** Where a guest outlives a reload of the tab. */
export interface GuestStore {
  load(): Guest | null;
  save(guest: Guest | null): void;
}

/** What a guest's token opens; everything else hears of nobody. */
const OPEN_TO_GUESTS = /\/api\/chat(\/|$)/;

/** Whether the request is one that a guest's token proves. */
export function opensToGuests(url: string): boolean {
  return OPEN_TO_GUESTS.test(new URL(url).pathname);
}

/** A guest as a person of the page. Guests have the least role and no sign-in. */
export function identityOf({ user, name, expires_at }: Guest): Identity {
  return { user, name, role: "viewer", session: "", expires_at };
}
