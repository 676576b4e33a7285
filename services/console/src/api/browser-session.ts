import { appUrl } from "../base-url.ts";
import { systemClock } from "../clock.ts";
import type { GuestStore } from "./guests.ts";
import { Session, type Siblings, type TokenStore } from "./session.ts";

const KEY = "stream-manager.refresh-token";

const tabStore: TokenStore = {
  load: () => sessionStorage.getItem(KEY),
  save(refreshToken) {
    if (refreshToken) sessionStorage.setItem(KEY, refreshToken);
    else sessionStorage.removeItem(KEY);
  },
};

const GUEST_KEY = "stream-manager.guest";

const tabGuests: GuestStore = {
  load() {
    const kept = sessionStorage.getItem(GUEST_KEY);
    return kept === null ? null : JSON.parse(kept);
  },
  save(guest) {
    if (guest) sessionStorage.setItem(GUEST_KEY, JSON.stringify(guest));
    else sessionStorage.removeItem(GUEST_KEY);
  },
};

/** A duplicated tab starts with a copy of the session storage, and so with the same token. */
function tabsOfThisOrigin(): Siblings {
  const channel = new BroadcastChannel(KEY);
  return {
    // Locks exist in secure contexts only; without them two tabs can collide, and one signs in again.
    exclusively: async (task) => (navigator.locks ? navigator.locks.request(KEY, task) : task()),
    announce: (used, tokens) => channel.postMessage({ used, tokens }),
    listen(heard) {
      channel.addEventListener("message", ({ data }) => heard(data.used, data.tokens));
    },
  };
}

export function browserSession(): Session {
  return new Session({
    url: (path) => appUrl(path).href,
    fetch: (request) => fetch(request),
    store: tabStore,
    guests: tabGuests,
    siblings: tabsOfThisOrigin(),
    clock: systemClock,
  });
}
