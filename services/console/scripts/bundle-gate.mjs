// Fails when what a browser must load before the first page grows past its limits.
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const LIMITS = { js: 150_000, css: 20_000, font: 60_000 };
const dist = fileURLToPath(new URL("../dist", import.meta.url));
const html = readFileSync(join(dist, "index.html"), "utf8");

const compressed = (path) => statSync(join(dist, `${path}.gz`)).size;
const referenced = (pattern) => [...html.matchAll(pattern)].map(([, path]) => path);
const total = (paths) => paths.reduce((sum, path) => sum + compressed(path), 0);

const scripts = referenced(/(?:src|href)="\.\/([^"]+\.js)"/g);
const styles = referenced(/href="\.\/([^"]+\.css)"/g);
const stylesheet = styles.map((path) => readFileSync(join(dist, path), "utf8")).join("");
const latin = stylesheet.match(/url\(\.?\/?([^)]*inter-latin-wght[^)]*\.woff2)\)/)?.[1];

const sizes = {
  js: total(scripts),
  css: total(styles),
  font: latin ? statSync(join(dist, "assets", latin.replace(/^.*\//, ""))).size : 0,
};
for (const [kind, size] of Object.entries(sizes)) {
  const limit = LIMITS[kind];
  console.log(`first load ${kind}: ${(size / 1000).toFixed(1)} kB of ${limit / 1000} kB`);
  if (size > limit) process.exitCode = 1;
}
if (scripts.length === 0) throw new Error("index.html references no script");
