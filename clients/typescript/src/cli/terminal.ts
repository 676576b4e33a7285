import type { Readable } from "node:stream";
import type { Paint } from "./paint.ts";

/** Where a command prints and reads. */
export interface Terminal {
  /** What was asked for, one line each. */
  readonly print: (line: string) => void;
  /** What happens on the way, apart from it. */
  readonly note: (line: string) => void;
  readonly paint: Paint;
  readonly input: Readable;
  /** Aborted, with an exit code as reason, when somebody ends the program. */
  readonly ended: AbortSignal;
}
