// Says what the client weighs in a page, and fails when that grows past its limits.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "vite";

const ENTRY = fileURLToPath(new URL("../dist/index.js", import.meta.url));

/** What a page may import, and the most bytes that it may cost. */
const CASES = [
  ["everything", 9_500, `export * from ${JSON.stringify(ENTRY)};`],
  ["a page with JSON alone", 8_000, `export { byTicket, connect } from ${JSON.stringify(ENTRY)};`],
];

const { dependencies = {} } = JSON.parse(
  readFileSync(new URL("../package.json", import.meta.url), "utf8"),
);
if (Object.keys(dependencies).length > 0) throw new Error("the client depends on nothing");

/** The script that a page with these imports loads, minified. */
async function bundle(source) {
  const page = "\0page.js";
  const { output } = await build({
    configFile: false,
    logLevel: "warn",
    plugins: [
      {
        name: "page",
        resolveId: (id) => (id === "page" ? page : null),
        load: (id) => (id === page ? source : null),
      },
    ],
    build: {
      write: false,
      target: "es2022",
      minify: true,
      // What the page imports counts, used or not.
      rolldownOptions: { input: "page", preserveEntrySignatures: "strict" },
    },
  });
  return output.map((chunk) => chunk.code ?? "").join("");
}

const kilobytes = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;
for (const [what, limit, source] of CASES) {
  const code = await bundle(source);
  const size = gzipSync(code, { level: 9 }).length;
  console.log(
    `client, ${what}: ${kilobytes(size)} of ${kilobytes(limit)} (minified, gzip; ${kilobytes(code.length)} before gzip)`,
  );
  if (size > limit) process.exitCode = 1;
}
