import type { Group, Layer } from "../../api/types.ts";

/** A line of the list: a group, or a layer that may be in one. */
export type Row =
  | { readonly kind: "group"; readonly group: Group; readonly members: readonly Layer[] }
  | { readonly kind: "layer"; readonly layer: Layer; readonly group: Group | null };

/** The lines of the list, front first: each group above its layers, which hide where it is folded. */
export function rowsOf(
  frontToBack: readonly Layer[],
  groups: readonly Group[],
  folded: ReadonlySet<string>,
): readonly Row[] {
  const rows: Row[] = [];
  const seen = new Set<string>();
  for (const layer of frontToBack) {
    const group = groups.find(({ id }) => id === layer.group) ?? null;
    if (group && !seen.has(group.id)) {
      seen.add(group.id);
      const members = frontToBack.filter((other) => other.group === group.id);
      rows.push({ kind: "group", group, members });
    }
    if (!group || !folded.has(group.id)) rows.push({ kind: "layer", layer, group });
  }
  return rows;
}

export function keyOf(row: Row): string {
  return row.kind === "group" ? row.group.id : row.layer.id;
}

/** The layers that a line stands for when it is moved. */
function layersOf(row: Row): readonly Layer[] {
  return row.kind === "group" ? row.members : [row.layer];
}

/** Whether a line goes along when another one is moved. */
export function goesAlong(row: Row, moved: string): boolean {
  return keyOf(row) === moved || (row.kind === "layer" && row.group?.id === moved);
}

/**
 * The layers, front first, after a line is dropped so many lines below the top, counted without what
 * is moved. A layer stays within its group, and nothing comes between the layers of another.
 */
export function dropped(rows: readonly Row[], key: string, to: number): readonly string[] | null {
  const moved = rows.find((row) => keyOf(row) === key);
  if (!moved) return null;
  const others = rows.filter((row) => !goesAlong(row, key));
  const above = others.slice(0, to);
  const shown = new Set(rows.flatMap((row) => (row.kind === "layer" ? [row.layer.id] : [])));
  // A folded group stands for its layers; another one is above those that follow.
  const count = above.reduce((sum, row) => sum + countOf(row, shown), 0);
  const block = layersOf(moved);
  const rest = restOf(others, shown);
  const at = fitting(rest, block, count);
  return rest.toSpliced(at, 0, ...block).map(({ id }) => id);
}

function countOf(row: Row, shown: ReadonlySet<string>): number {
  if (row.kind === "layer") return 1;
  return row.members.filter(({ id }) => !shown.has(id)).length;
}

function restOf(rows: readonly Row[], shown: ReadonlySet<string>): readonly Layer[] {
  return rows.flatMap((row) =>
    row.kind === "layer" ? [row.layer] : row.members.filter(({ id }) => !shown.has(id)),
  );
}

/** The place nearest to `at` where a block may be. */
function fitting(rest: readonly Layer[], block: readonly Layer[], at: number): number {
  const own = block.length === 1 ? block[0]?.group : null;
  const inOwn = own ? rest.flatMap((layer, place) => (layer.group === own ? [place] : [])) : [];
  const first = inOwn[0];
  const last = inOwn.at(-1);
  if (first !== undefined && last !== undefined) {
    return Math.max(first, Math.min(last + 1, at));
  }
  const around = rest[at]?.group;
  if (!around || rest[at - 1]?.group !== around) return at;
  const begin = rest.findIndex(({ group }) => group === around);
  const end = rest.findLastIndex(({ group }) => group === around) + 1;
  return at - begin < end - at ? begin : end;
}

/**
 * The layers, front first, after a line is moved one place towards the front or the back: past a
 * layer, or past a group as a whole.
 */
export function nudged(
  rows: readonly Row[],
  key: string,
  towards: "front" | "back",
): readonly string[] | null {
  const moved = rows.find((row) => keyOf(row) === key);
  if (!moved) return null;
  const block = layersOf(moved);
  const all = [
    ...restOf(rows, new Set(rows.flatMap((r) => (r.kind === "layer" ? [r.layer.id] : [])))),
  ];
  const first = all.findIndex(({ id }) => id === block[0]?.id);
  const rest = all.filter((layer) => !block.includes(layer));
  const own = moved.kind === "layer" ? moved.layer.group : null;
  const neighbour = towards === "front" ? rest[first - 1] : rest[first];
  if (!neighbour || (own && neighbour.group !== own)) return null;
  const passed = neighbour.group && neighbour.group !== own ? neighbour.group : null;
  const length = passed ? rest.filter(({ group }) => group === passed).length : 1;
  const at = towards === "front" ? first - length : first + length;
  return rest.toSpliced(at, 0, ...block).map(({ id }) => id);
}

/** Whether layers can become a group as they lie: next to each other, and in none. */
export function whyNoGroup(frontToBack: readonly Layer[], ids: ReadonlySet<string>): string | null {
  const places = frontToBack.flatMap(({ id }, place) => (ids.has(id) ? [place] : []));
  const first = places[0];
  const last = places.at(-1);
  if (first === undefined || last === undefined) return "Select the layers first.";
  if (places.some((place) => frontToBack[place]?.group)) return "A layer is in a group already.";
  if (places.some((place) => frontToBack[place]?.locked)) return "A layer is locked.";
  if (last - first + 1 !== places.length) {
    return "Move the layers next to each other first: a group is one block.";
  }
  return null;
}
