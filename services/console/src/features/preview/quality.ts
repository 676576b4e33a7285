/** An encoding of the program that the player can show. */
export interface Quality {
  /** Its place among the player's levels. */
  readonly index: number;
  readonly height: number;
  /** Bits a second. */
  readonly bitrate: number;
}

/** What the player knows of a level. */
interface Level {
  readonly height: number;
  readonly bitrate: number;
}

/** The encodings to choose from, best first; none where there is nothing to choose. */
export function qualitiesOf(levels: readonly Level[]): readonly Quality[] {
  if (levels.length < 2) return [];
  return levels
    .map(({ height, bitrate }, index) => ({ index, height, bitrate }))
    .sort((a, b) => b.height - a.height || b.bitrate - a.bitrate);
}

/** The player's level for a chosen height; -1 lets the player choose. */
export function levelFor(qualities: readonly Quality[], height: number | null): number {
  return qualities.find((quality) => quality.height === height)?.index ?? -1;
}

/** What the automatic choice is called: with what it shows at the moment, where that is known. */
export function automaticLabel(qualities: readonly Quality[], shown: number | null): string {
  const height = qualities.find((quality) => quality.index === shown)?.height;
  return height === undefined ? "Auto" : `Auto (${height}p)`;
}
