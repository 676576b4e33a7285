import { type Api, type Outcome, outcomeOf } from "../../api/client.ts";
import type { Failure } from "../../api/problem.ts";
import type { Layer, LayerPatch } from "../../api/types.ts";
import type { Clock } from "../../clock.ts";
import { Observable } from "../../observable.ts";
import { type Change, type Conflict, type Merge, merge } from "./merge.ts";
import { fromLeaves, laidOver, leaves, type Patch, valueAt } from "./patch.ts";
import type { LayerStore } from "./store.ts";

/** Something to tell about a layer's own changes. */
export type Note =
  /** Somebody else changed these other fields meanwhile; both changes hold. */
  | { readonly kind: "merged"; readonly theirs: readonly Change[] }
  /** Somebody else changed the same fields; everything else is merged, and what is changed from now on waits. */
  | { readonly kind: "conflict"; readonly conflicts: readonly Conflict[] }
  /** The change was refused and is undone here; `patch` can be tried again where that may help. */
  | { readonly kind: "failed"; readonly failure: Failure; readonly patch: Patch | null };

/** How a layer is shown while own changes are on their way. */
export interface Edit {
  /** Own changes that the server has not confirmed. */
  readonly overlay: Patch;
  readonly note: Note | null;
}

/** Ten writes a second at most while a slider moves. */
const WRITE_MS = 100;
/** Versions met in a row before it is left to the person. */
const REBASES_MAX = 4;

/**
 * Writes changes of layers: shown at once, sent at most ten times a second, one request per layer on
 * its way, and the last value always sent. A stale revision is fetched anew and merged field by field; a
 * person decides about fields that both sides changed.
 */
export class LayerWriter {
  readonly edits = new Observable<ReadonlyMap<string, Edit>>(new Map());
  private readonly api: Api;
  private readonly store: LayerStore;
  private readonly clock: Clock;
  private readonly lines = new Map<string, Line>();

  constructor(api: Api, store: LayerStore, clock: Clock) {
    this.api = api;
    this.store = store;
    this.clock = clock;
  }

  /** Changes fields of a layer. */
  change(id: string, patch: Patch): void {
    const line = this.line(id);
    line.known = this.store.layer(id) ?? line.known;
    line.waiting = laidOver(line.waiting ?? {}, patch);
    if (line.note?.kind === "conflict") hold(line, line.note.conflicts);
    else line.note = null;
    this.show(id, line);
    this.schedule(id, line);
  }

  /** Settles a conflict, or the part of it that is about these fields. */
  settle(id: string, pointers: readonly string[], keep: "mine" | "theirs"): void {
    const line = this.line(id);
    if (line.note?.kind !== "conflict") return;
    const settled = line.note.conflicts.filter(({ pointer }) => pointers.includes(pointer));
    const open = line.note.conflicts.filter((conflict) => !settled.includes(conflict));
    if (keep === "mine") line.waiting = laidOver(line.waiting ?? {}, mineOf(settled));
    line.note = open.length > 0 ? { kind: "conflict", conflicts: open } : null;
    this.show(id, line);
    this.schedule(id, line);
  }

  /** Tries a failed change again. */
  retry(id: string): void {
    const note = this.line(id).note;
    if (note?.kind === "failed" && note.patch) this.change(id, note.patch);
  }

  dismiss(id: string): void {
    const line = this.line(id);
    line.note = null;
    this.show(id, line);
  }

  private schedule(id: string, line: Line): void {
    if (line.sending || line.scheduled || line.note?.kind === "conflict" || !line.waiting) return;
    line.scheduled = true;
    const delay = Math.max(0, line.sentAt + WRITE_MS - this.clock.now());
    this.clock.after(delay, () => {
      line.scheduled = false;
      void this.send(id, line);
    });
  }

  private async send(id: string, line: Line): Promise<void> {
    const patch = line.waiting;
    // Of another scene, when that was selected since: the change is made nevertheless.
    const base = this.store.layer(id) ?? line.known;
    if (!patch || !base || line.sending) return;
    line.waiting = null;
    line.sending = patch;
    line.sentAt = this.clock.now();
    const result = await this.write(base, patch);
    line.sending = null;
    line.note = result ?? line.note;
    if (result?.kind === "failed") line.waiting = null;
    if (result?.kind === "conflict") hold(line, result.conflicts);
    this.show(id, line);
    this.schedule(id, line);
  }

  /** Writes what can be written, until it fits; the result says what there is to tell. */
  private async write(base: Layer, patch: Patch): Promise<Note | null> {
    let onto = base;
    let merged: Merge = { patch, conflicts: [], theirs: [] };
    for (let round = 0; round < REBASES_MAX; round++) {
      if (leaves(merged.patch).length === 0) return noteOf(merged);
      const outcome = await this.patch(onto, merged.patch);
      if (outcome.ok) {
        this.store.put(outcome.data);
        return noteOf(merged);
      }
      if (outcome.failure.status !== 412) return this.failed(onto.id, outcome.failure, patch);
      const theirs = await this.fetch(onto);
      if (!theirs.ok) return this.failed(onto.id, theirs.failure, patch);
      this.store.put(theirs.data);
      merged = merge(base, patch, theirs.data);
      onto = theirs.data;
    }
    return { kind: "failed", failure: TOO_BUSY, patch };
  }

  private patch(layer: Layer, patch: Patch): Promise<Outcome<Layer>> {
    return outcomeOf(
      this.api.PATCH("/api/layers/{id}", {
        params: {
          path: { id: layer.id },
          query: { stream: layer.stream, scene: layer.scene },
          header: { "If-Match": `"${layer.revision}"` },
        },
        body: patch as LayerPatch,
      }),
    );
  }

  private fetch({ id, stream, scene }: Layer): Promise<Outcome<Layer>> {
    const params = { path: { id }, query: { stream, scene } };
    return outcomeOf(this.api.GET("/api/layers/{id}", { params }));
  }

  private failed(id: string, failure: Failure, patch: Patch): Note {
    if (failure.status === 404) this.store.remove(id);
    const mayHelp = failure.status === 0 || failure.status === 429 || failure.status >= 500;
    return { kind: "failed", failure, patch: mayHelp ? patch : null };
  }

  private line(id: string): Line {
    let line = this.lines.get(id);
    if (!line) {
      line = { known: null, waiting: null, sending: null, scheduled: false, sentAt: 0, note: null };
      this.lines.set(id, line);
    }
    return line;
  }

  private show(id: string, line: Line): void {
    const edits = new Map(this.edits.get());
    const held = line.note?.kind === "conflict" ? mineOf(line.note.conflicts) : {};
    const overlay = laidOver(laidOver(line.sending ?? {}, held), line.waiting ?? {});
    if (leaves(overlay).length === 0 && !line.note) edits.delete(id);
    else edits.set(id, { overlay, note: line.note });
    this.edits.set(edits);
  }
}

/** What is on its way for one layer. */
interface Line {
  /** The layer when it was last changed here. */
  known: Layer | null;
  /** Not sent yet. */
  waiting: Patch | null;
  /** Sent, not answered yet. */
  sending: Patch | null;
  scheduled: boolean;
  sentAt: number;
  note: Note | null;
}

const TOO_BUSY: Failure = {
  code: "revision.stale",
  status: 412,
  message: "The layer is being changed by somebody else at the same time. Try again.",
  fields: [],
  trace: null,
  retryAfterMs: null,
};

function noteOf({ conflicts, theirs }: Merge): Note | null {
  if (conflicts.length > 0) return { kind: "conflict", conflicts };
  return theirs.length > 0 ? { kind: "merged", theirs } : null;
}

/** What is wanted of fields that are in conflict waits with the conflict, in its newest version. */
function hold(line: Line, conflicts: readonly Conflict[]): void {
  const waiting = line.waiting ?? {};
  const fields = leaves(waiting).map((pointer) => [pointer, valueAt(waiting, pointer)] as const);
  const newest = new Map(fields);
  const rest = fields.filter(([field]) => !conflicts.some(({ pointer }) => pointer === field));
  line.waiting = rest.length > 0 ? fromLeaves(rest) : null;
  line.note = {
    kind: "conflict",
    conflicts: conflicts.map((conflict) =>
      newest.has(conflict.pointer) ? { ...conflict, mine: newest.get(conflict.pointer) } : conflict,
    ),
  };
}

function mineOf(conflicts: readonly Conflict[]): Patch {
  return fromLeaves(conflicts.map(({ pointer, mine }) => [pointer, mine] as const));
}
