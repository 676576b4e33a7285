import { type Api, outcomeOf } from "../api/client.ts";
import type { Session } from "../api/session.ts";
import { webSocketUrl } from "../base-url.ts";
import { systemClock } from "../clock.ts";
import { Connection, OpenError, type Socket } from "./connection.ts";
import { SUBPROTOCOL } from "./wire.ts";

/** A connection of this page: tickets from the API, sockets and network news from the browser. */
export function browserConnection(api: Api, session: Session, stream: string): Connection {
  const connection = new Connection({
    stream,
    open: () => openSocket(api),
    accessToken: () => session.accessToken(),
    clock: systemClock,
    random: Math.random,
  });
  session.onToken((token) => connection.renewProof(token));
  window.addEventListener("online", () => connection.networkReturned());
  window.addEventListener("offline", () => connection.networkLost());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") connection.becameVisible();
  });
  return connection;
}

async function openSocket(api: Api): Promise<Socket> {
  const ticket = await outcomeOf(api.POST("/api/auth/ws-ticket"));
  if (!ticket.ok) {
    throw new OpenError(ticket.failure.status === 401, ticket.failure.retryAfterMs);
  }
  const url = webSocketUrl("ws");
  url.searchParams.set("ticket", ticket.data.ticket);
  return adapt(new WebSocket(url, SUBPROTOCOL));
}

function adapt(webSocket: WebSocket): Socket {
  const socket: Socket = {
    onmessage: null,
    onclose: null,
    send: (frame) => webSocket.send(frame),
    close: () => webSocket.close(),
  };
  webSocket.onmessage = (event) => socket.onmessage?.(event);
  webSocket.onclose = (event) => socket.onclose?.(event);
  return socket;
}
