import type { Conflict, FieldError, Problem } from "./types.ts";

/** Why a request did not succeed, in words for the person who made it. */
export interface Failure {
  /** The problem's stable code, or `network` when no answer came. */
  readonly code: string;
  /** The HTTP status; 0 when no answer came. */
  readonly status: number;
  /** What happened and what to change. */
  readonly message: string;
  /** The wrong fields, where the server named them; `message` tells of them too. */
  readonly fields: readonly FieldError[];
  /** What others have changed, with both versions, where that is the reason. */
  readonly conflicts?: readonly Conflict[];
  /** The trace, for the log. */
  readonly trace: string | null;
  /** When to try again, where the server said so. */
  readonly retryAfterMs: number | null;
}

export const NO_ANSWER: Failure = {
  code: "network",
  status: 0,
  message: "The server did not answer. Check the connection and try again.",
  fields: [],
  trace: null,
  retryAfterMs: null,
};

/** What a refused request says, whoever refused it: our services or a proxy in between. */
export function failureOf(response: Response, body: unknown): Failure {
  const problem = isProblem(body) ? body : null;
  const retryAfter = Number(response.headers.get("Retry-After"));
  return {
    code: problem?.code ?? `http.${response.status}`,
    status: response.status,
    message: problem ? problemText(problem) : proxyText(response.status),
    fields: problem?.errors ?? [],
    ...(problem?.conflicts && { conflicts: problem.conflicts }),
    trace: problem?.trace_id ?? null,
    retryAfterMs: retryAfter > 0 ? retryAfter * 1000 : null,
  };
}

function problemText(problem: Problem): string {
  const fields = (problem.errors ?? []).map(({ pointer, detail }) => {
    const field = pointer.replace(/^\//, "").replaceAll("/", " › ");
    return field ? `${field}: ${detail}` : detail;
  });
  if (fields.length > 0) return `${problem.title}: ${fields.join("; ")}.`;
  if (!problem.detail) return `${problem.title}.`;
  const detail = problem.detail.replace(/\.$/, "");
  return `${problem.title}: ${detail}.`;
}

function proxyText(status: number): string {
  if (status >= 500) return `The service is not available (${status}). Try again in a moment.`;
  if (status === 429) return "Too many requests. Try again in a moment.";
  return `The server refused the request (${status}).`;
}

function isProblem(body: unknown): body is Problem {
  return typeof body === "object" && body !== null && "title" in body && "code" in body;
}
