/**
 * The WebSocket of a system: `http://host:4200`, `https://host/stream/` or the address itself, as
 * `wss://host/ws`. `null` when the text is no such address.
 */
export function webSocketAddress(text: string): URL | null {
  const url = URL.parse(text);
  if (!url || !/^(https?|wss?):$/.test(url.protocol) || !url.host) return null;
  url.protocol = url.protocol.replace("http", "ws");
  if (!url.pathname.endsWith("/ws")) url.pathname = `${url.pathname.replace(/\/$/, "")}/ws`;
  url.hash = "";
  return url;
}

/** An address of the API beside a system's WebSocket. */
export function apiAddress(webSocket: URL, path: string): URL {
  const base = new URL(webSocket);
  base.protocol = base.protocol.replace("ws", "http");
  base.search = "";
  return new URL(path, base);
}
