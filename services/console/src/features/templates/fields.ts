import type { Layer, NewTemplateParameter } from "../../api/types.ts";

/** A field of a layer that a template can ask for. */
export interface Askable {
  readonly layer: string;
  readonly pointer: string;
  /** As people call it. */
  readonly title: string;
}

/** What is worth asking for, by kind of layer. */
const FIELDS: Partial<
  Record<Layer["kind"], readonly (readonly [pointer: string, name: string])[]>
> = {
  text: [
    ["/source/text", "text"],
    ["/source/style/color", "colour of the text"],
  ],
  ticker: [
    ["/source/text", "text"],
    ["/source/style/color", "colour of the text"],
  ],
  color: [["/source/color", "colour"]],
  image: [["/source/asset", "picture"]],
  video: [["/source/asset", "video"]],
};

/** The fields of these layers that a template can ask for. */
export function askable(layers: readonly Layer[]): readonly Askable[] {
  return layers.flatMap(({ id, name, kind }) =>
    (FIELDS[kind] ?? []).map(([pointer, field]) => ({
      layer: id,
      pointer,
      title: `${name}: ${field}`,
    })),
  );
}

/** A name for addresses, made of a title; empty where nothing of it can be in one. */
export function slug(title: string): string {
  const letters = title.toLowerCase().normalize("NFD").replace(/\p{M}/gu, "");
  return letters
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 63)
    .replace(/-+$/, "");
}

/** The parameters that ask for these fields, each with a name of its own. */
export function parametersOf(fields: readonly Askable[]): NewTemplateParameter[] {
  return fields.map(({ layer, pointer, title }, index) => ({
    name: `p${index + 1}`,
    title: title.slice(0, 100),
    layer,
    pointer,
  }));
}
