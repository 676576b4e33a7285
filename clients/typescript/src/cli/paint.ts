import type { Environment } from "./arguments.ts";

/** Puts weight and colour on text. */
export interface Paint {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly bad: (text: string) => string;
}

const PLAIN: Paint = { bold: (text) => text, dim: (text) => text, bad: (text) => text };

const wrapped = (on: number, off: number) => (text: string) => `\u001b[${on}m${text}\u001b[${off}m`;

const COLOURED: Paint = { bold: wrapped(1, 22), dim: wrapped(2, 22), bad: wrapped(31, 39) };

/** Colours on a terminal alone, and not where `NO_COLOR` or a dumb terminal forbids them. */
export function paintFor(isTerminal: boolean, environment: Environment): Paint {
  const mayColour = isTerminal && !environment.NO_COLOR && environment.TERM !== "dumb";
  return mayColour ? COLOURED : PLAIN;
}
