import type { SceneList, StreamState } from "../../api/types.ts";

/** What a scene is wanted for. */
export interface Roles {
  readonly onAir: boolean;
  readonly preview: boolean;
  readonly slate: boolean;
}

type Wants = Pick<StreamState, "wanted_scene" | "wanted_preview" | "slate">;

/** What a scene is wanted for. While nobody has chosen, the first one is on air, or will be. */
export function rolesOf(id: string, { first }: SceneList, state: Wants | null): Roles {
  const onAir = state?.wanted_scene ?? first;
  return {
    onAir: onAir === id,
    preview: state?.wanted_preview === id,
    slate: state?.slate === id,
  };
}
