import type { ListedScene, SceneList } from "../../api/types.ts";

/** The scene that this is a draft of; undefined where it is none. */
export function originalOf(list: SceneList | null, id: string | null): ListedScene | undefined {
  return list?.scenes.find(({ draft }) => draft !== undefined && draft?.id === id);
}

/** The name of a scene, or of the draft of one; null where there is no such. */
export function nameOf(list: SceneList | null, id: string | null): string | null {
  const original = originalOf(list, id);
  if (original) return `Draft of ${original.name}`;
  return list?.scenes.find((scene) => scene.id === id)?.name ?? null;
}
