import { readFileSync } from "node:fs";

const README = new URL("../README.md", import.meta.url);

/** The README's fenced blocks of one language, in order. */
export function examples(language: "ts" | "sh"): string[] {
  const fences = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms");
  return [...readFileSync(README, "utf8").matchAll(fences)].map(([, code = ""]) => code);
}

/** `code` with each of these words, which must be in it, replaced. */
export function filledIn(code: string, words: Readonly<Record<string, string>>): string {
  let filled = code;
  for (const [word, value] of Object.entries(words)) {
    if (!filled.includes(word)) throw new Error(`no “${word}” in:\n${code}`);
    filled = filled.replaceAll(word, value);
  }
  return filled;
}
