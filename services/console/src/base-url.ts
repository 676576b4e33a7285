/**
 * Every address is resolved against the document, so that the console works under any base path
 * (`/`, `/stream/`).
 */
export function appUrl(path: string): URL {
  return new URL(path, document.baseURI);
}

/** The base of the API's absolute paths, without a closing slash. */
export function apiBaseUrl(): string {
  return appUrl("./").href.replace(/\/$/, "");
}

/** The same address over WebSocket. */
export function webSocketUrl(path: string): URL {
  const url = appUrl(path);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url;
}
