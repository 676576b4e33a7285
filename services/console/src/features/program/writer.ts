import { type Api, outcomeOf } from "../../api/client.ts";
import type { Failure } from "../../api/problem.ts";
import type { Operation, ProgramChange } from "../../api/types.ts";
import { randomKey } from "../../random-key.ts";

/** How long the server may take before it answers "accepted, not done yet". */
const WAIT_S = 10;

/** What became of a change, or why it was refused. */
export type Answer = { readonly operation: Operation } | { readonly failure: Failure };

/** Changes the program's format. */
export async function configure(api: Api, stream: string, program: ProgramChange): Promise<Answer> {
  const outcome = await outcomeOf(
    api.POST("/api/stream/control", {
      params: { header: { "Idempotency-Key": randomKey(), Prefer: `wait=${WAIT_S}` } },
      body: { action: "configure", stream, program },
    }),
  );
  return outcome.ok ? { operation: outcome.data } : { failure: outcome.failure };
}
