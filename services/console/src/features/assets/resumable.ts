import type { DetailedError, HttpResponse } from "tus-js-client";
import { createApi, outcomeOf } from "../../api/client.ts";
import { failureOf, NO_ANSWER } from "../../api/problem.ts";
import type { Session } from "../../api/session.ts";
import { appUrl } from "../../base-url.ts";
import type { Uploaded } from "../layers/upload.ts";

/** One piece. Each is on the server's disk before the next is sent. */
const PIECE_BYTES = 16 * 1024 * 1024;
/** Waits between tries while the network is away; a piece that arrives begins them anew. */
const RETRIES_MS = [0, 1_000, 3_000, 5_000, 10_000, 20_000, 30_000, 60_000, 60_000, 60_000];
/** What may go on later, of all that the server refuses. */
const AGAIN = new Set([401, 408, 409, 423, 429, 500, 502, 503, 504]);

/**
 * Uploads a file in pieces (tus 1.0). It goes on by itself after a loss of the network, and where it was
 * when the same file is chosen again after the page was closed.
 */
export async function uploadInPieces(
  session: Session,
  file: File,
  onProgress: (share: number) => void,
  signal: AbortSignal,
): Promise<Uploaded> {
  // Most people never send a large file.
  const { Upload } = await import("tus-js-client");
  const last = await new Promise<HttpResponse | DetailedError | Error>((resolve) => {
    let renew = false;
    const sending = new Upload(file, {
      endpoint: appUrl("api/assets/uploads").href,
      metadata: { filename: file.name, filetype: file.type },
      chunkSize: PIECE_BYTES,
      retryDelays: RETRIES_MS,
      removeFingerprintOnSuccess: true,
      onBeforeRequest: async (request) => {
        // A long upload outlives its access token.
        if (renew) await session.renew();
        renew = false;
        request.setHeader("Authorization", `Bearer ${session.accessToken() ?? ""}`);
      },
      onShouldRetry: ({ originalResponse }) => {
        const status = originalResponse?.getStatus() ?? 0;
        renew = status === 401;
        return status === 0 || AGAIN.has(status);
      },
      onProgress: (sent, total) => onProgress(total > 0 ? sent / total : 0),
      onSuccess: ({ lastResponse }) => resolve(lastResponse),
      onError: resolve,
    });
    signal.addEventListener("abort", () => {
      // What has arrived stays for a day, for who chooses the file again.
      void sending.abort();
      resolve(new Error("aborted"));
    });
    void sending.findPreviousUploads().then(([previous]) => {
      if (previous) sending.resumeFromPreviousUpload(previous);
      if (!signal.aborted) sending.start();
    });
  });
  if (last instanceof Error) return { ok: false, failure: failed(last) };
  const id = last.getHeader("Content-Location")?.replace(/^.*\//, "") ?? "";
  const params = { path: { id } };
  const outcome = await outcomeOf(createApi(session).GET("/api/assets/{id}", { params }));
  return outcome.ok ? { ok: true, asset: outcome.data } : outcome;
}

function failed(error: DetailedError | Error) {
  const answer = "originalResponse" in error ? error.originalResponse : null;
  if (!answer) return NO_ANSWER;
  let body: unknown = null;
  try {
    body = JSON.parse(answer.getBody());
  } catch {
    // A proxy's page; the status says enough.
  }
  const retryAfter = answer.getHeader("Retry-After");
  const headers = retryAfter ? { "Retry-After": retryAfter } : {};
  return failureOf(new Response(null, { status: answer.getStatus(), headers }), body);
}
