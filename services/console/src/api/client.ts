import createClient, { type Client, type FetchResponse } from "openapi-fetch";
import { apiBaseUrl } from "../base-url.ts";
import { type Failure, failureOf, NO_ANSWER } from "./problem.ts";
import type { Session } from "./session.ts";
import type { paths } from "./types.gen.ts";

/** The REST API, typed by its OpenAPI document, with the session's proof on every request. */
export type Api = Client<paths>;

export function createApi(session: Session): Api {
  return createClient<paths>({ baseUrl: apiBaseUrl(), fetch: session.fetch });
}

/** What came of a request: the body and the entity tag, or why not. */
export type Outcome<T> =
  | { readonly ok: true; readonly data: T; readonly etag: string | null }
  | { readonly ok: false; readonly failure: Failure };

/** Turns an answer, a refusal or silence into one value. */
export async function outcomeOf<T>(
  // biome-ignore lint/suspicious/noExplicitAny: openapi-fetch's own parameters are not of interest
  pending: Promise<FetchResponse<any, any, any> & { data?: T }>,
): Promise<Outcome<T>> {
  try {
    const { data, error, response } = await pending;
    if (!response.ok) return { ok: false, failure: failureOf(response, error) };
    return { ok: true, data: data as T, etag: response.headers.get("ETag") };
  } catch {
    return { ok: false, failure: NO_ANSWER };
  }
}
