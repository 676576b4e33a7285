import { Observable } from "../observable.ts";

export type Theme = "system" | "dark" | "light";

const KEY = "stream-manager.theme";

function stored(): Theme {
  const theme = document.documentElement.dataset.theme;
  return theme === "dark" || theme === "light" ? theme : "system";
}

/** `public/theme.js` has applied the stored choice before the first paint. */
export const theme = new Observable<Theme>(stored());

export function chooseTheme(choice: Theme): void {
  if (choice === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = choice;
  theme.set(choice);
  try {
    if (choice === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, choice);
  } catch {
    // Storage is off; the choice holds until the page is left.
  }
}
