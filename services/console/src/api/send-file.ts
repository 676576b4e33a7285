import { appUrl } from "../base-url.ts";
import { type Failure, failureOf, NO_ANSWER } from "./problem.ts";
import type { Session } from "./session.ts";

export type Sent =
  | { readonly ok: true; readonly body: unknown }
  | { readonly ok: false; readonly failure: Failure };

interface Sending {
  /** Where it goes, below the console's own address. */
  readonly path: string;
  readonly body: FormData | File;
  /** Of a file that is the whole body; a form says its own. */
  readonly mediaType?: string;
  readonly onProgress: (share: number) => void;
  readonly signal: AbortSignal;
}

/** Posts a file. Over XMLHttpRequest, which alone tells how far a request body has got. */
export async function sendFile(session: Session, sending: Sending): Promise<Sent> {
  const first = await send(session, sending);
  const expired = !first.ok && first.failure.status === 401;
  return expired && (await session.renew()) ? send(session, sending) : first;
}

function send(session: Session, sending: Sending): Promise<Sent> {
  const { path, body, mediaType, onProgress, signal } = sending;
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("POST", appUrl(path));
    request.setRequestHeader("Authorization", `Bearer ${session.accessToken() ?? ""}`);
    if (mediaType) request.setRequestHeader("Content-Type", mediaType);
    request.upload.onprogress = ({ loaded, total }) => onProgress(total > 0 ? loaded / total : 0);
    request.onload = () => resolve(answerOf(request));
    request.onerror = () => resolve({ ok: false, failure: NO_ANSWER });
    request.onabort = () => resolve({ ok: false, failure: NO_ANSWER });
    signal.addEventListener("abort", () => request.abort());
    request.send(body);
  });
}

function answerOf(request: XMLHttpRequest): Sent {
  let body: unknown = null;
  try {
    body = JSON.parse(request.responseText);
  } catch {
    // A proxy's page; the status says enough.
  }
  if (request.status >= 200 && request.status < 300) return { ok: true, body };
  const retryAfter = request.getResponseHeader("Retry-After");
  const headers = retryAfter ? { "Retry-After": retryAfter } : {};
  const response = new Response(null, { status: request.status, headers });
  return { ok: false, failure: failureOf(response, body) };
}
