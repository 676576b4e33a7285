import type { Failure } from "../../api/problem.ts";
import { sendFile } from "../../api/send-file.ts";
import type { Session } from "../../api/session.ts";
import type { Asset } from "../../api/types.ts";
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

/** Uploads a file. */
export async function upload(
  session: Session,
  file: File,
  onProgress: (share: number) => void,
  signal: AbortSignal,
): Promise<Uploaded> {
  if (file.size >= PIECES_FROM_BYTES) return uploadInPieces(session, file, onProgress, signal);
  const body = new FormData();
  body.append("file", file, file.name);
  const sent = await sendFile(session, { path: "api/assets", body, onProgress, signal });
  return sent.ok ? { ok: true, asset: sent.body as Asset } : sent;
}
