import { Observable } from "../../observable.ts";

const KEY = "stream-manager.low-delay";

function stored(): boolean {
  try {
    return localStorage.getItem(KEY) === "on";
  } catch {
    return false;
  }
}

/** Whether this person wants the preview with the least delay. */
export const lowDelay = new Observable(stored());

export function chooseLowDelay(on: boolean): void {
  lowDelay.set(on);
  try {
    if (on) localStorage.setItem(KEY, "on");
    else localStorage.removeItem(KEY);
  } catch {
    // Storage is off; the choice holds until the page is left.
  }
}
