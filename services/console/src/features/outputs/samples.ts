import type { OutputState, OutputView, StreamState } from "../../api/types.ts";

const SINCE = "2030-01-01T00:00:00.000Z";

/** Outputs as the server sends them, for tests. */
export function rtmpOutput(change: Partial<OutputView> = {}): OutputView {
  return {
    id: "out-a",
    name: "Platform",
    kind: "rtmp",
    target: { url: "rtmp://live.example.com/app", has_key: true },
    adaptive: { enabled: false, min_kbps: 500 },
    enabled: true,
    generation: 1,
    revision: 3,
    observed: null,
    ...change,
  };
}

export function hlsOutput(): OutputView {
  const built = { id: "hls", name: "HLS", kind: "hls", target: {}, revision: 0 } as const;
  return { ...rtmpOutput(), ...built, generation: 0 };
}

export function outputState(change: Partial<OutputState> = {}): OutputState {
  return {
    id: "out-a",
    name: "Platform",
    kind: "rtmp",
    status: "live",
    since: SINCE,
    url: "rtmp://live.example.com/app",
    reconnects: 0,
    attempts: 0,
    next_attempt_at: null,
    code: null,
    error: null,
    adaptive: null,
    bitrate_kbps: null,
    bytes_total: 0,
    acked_bytes_total: null,
    frames_total: null,
    frames_dropped: null,
    queue_ms: null,
    queue_bytes: null,
    srt: null,
    ...change,
  };
}

/** The state of a stream that is live, with these outputs. */
export function stateWith(outputs: readonly OutputState[], wantedRevision = 1): StreamState {
  const state = { status: "live", desired_status: "live", errors: [], outputs };
  return { ...state, wanted_revision: wantedRevision } as unknown as StreamState;
}

/** An outputs service with one list, at the edge of `fetch`. */
export class FakeServer {
  outputs: OutputView[] = [hlsOutput(), rtmpOutput()];
  readonly requests: Request[] = [];
  readonly bodies: unknown[] = [];
  /** Problems that are answered instead of a change, oldest first. */
  readonly refusals: { readonly status: number; readonly [member: string]: unknown }[] = [];

  fetch = async (request: Request): Promise<Response> => {
    this.requests.push(request);
    if (request.method === "GET") return answer(200, { outputs: this.outputs });
    const text = await request.text();
    this.bodies.push(text === "" ? null : JSON.parse(text));
    const refusal = this.refusals.shift();
    if (refusal) return answer(refusal.status, { title: "No", code: "refused", ...refusal });
    if (request.method === "DELETE") return new Response(null, { status: 204 });
    return answer(200, rtmpOutput({ revision: 4 }));
  };

  get asked(): string[] {
    return this.requests.map(({ method, url }) => `${method} ${new URL(url).pathname}`);
  }
}

function answer(status: number, body: unknown): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { "Content-Type": "application/json" },
  });
}
