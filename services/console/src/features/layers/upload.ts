import { type Failure, failureOf, NO_ANSWER } from "../../api/problem.ts";
import type { Session } from "../../api/session.ts";
import type { Asset } from "../../api/types.ts";
import { appUrl } from "../../base-url.ts";
import { uploadInPieces } from "../assets/resumable.ts";

/** The files that are taken, by what they hold. */
export const ACCEPTED = {
  image: "image/png,image/jpeg,image/webp,image/gif,image/svg+xml,.svg",
  audio: "audio/*,.mp3,.m4a,.aac,.ogg,.opus,.flac,.wav",
  video: "video/mp4,video/quicktime,video/webm,video/x-matroska,.mkv",
} as const;

export type Uploaded =
  | { readonly ok: true; readonly asset: Asset }
  | { readonly ok: false; readonly failure: Failure };

/** From so many bytes on a file is sent in pieces, so that a loss of the network costs one of them. */
const PIECES_FROM_BYTES = 16 * 1024 * 1024;

/** Uploads a file. Over XMLHttpRequest, which alone tells how far a request body has got. */
export async function upload(
  session: Session,
  file: File,
  onProgress: (share: number) => void,
  signal: AbortSignal,
): Promise<Uploaded> {
  if (file.size >= PIECES_FROM_BYTES) return uploadInPieces(session, file, onProgress, signal);
  const first = await send(session, file, onProgress, signal);
  const expired = !first.ok && first.failure.status === 401;
  return expired && (await session.renew()) ? send(session, file, onProgress, signal) : first;
}

function send(
  session: Session,
  file: File,
  onProgress: (share: number) => void,
  signal: AbortSignal,
): Promise<Uploaded> {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("POST", appUrl("api/assets"));
    request.setRequestHeader("Authorization", `Bearer ${session.accessToken() ?? ""}`);
    request.upload.onprogress = ({ loaded, total }) => onProgress(total > 0 ? loaded / total : 0);
    request.onload = () => resolve(uploaded(request));
    request.onerror = () => resolve({ ok: false, failure: NO_ANSWER });
    request.onabort = () => resolve({ ok: false, failure: NO_ANSWER });
    signal.addEventListener("abort", () => request.abort());
    const form = new FormData();
    form.append("file", file, file.name);
    request.send(form);
  });
}

function uploaded(request: XMLHttpRequest): Uploaded {
  let body: unknown = null;
  try {
    body = JSON.parse(request.responseText);
  } catch {
    // A proxy's page; the status says enough.
  }
  if (request.status >= 200 && request.status < 300) return { ok: true, asset: body as Asset };
  const retryAfter = request.getResponseHeader("Retry-After");
  const headers = retryAfter ? { "Retry-After": retryAfter } : {};
  const response = new Response(null, { status: request.status, headers });
  return { ok: false, failure: failureOf(response, body) };
}
