// Says what the client weighs in a page, and fails when that grows past its limit.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "vite";

const LIMIT = 8_000;

const { dependencies = {} } = JSON.parse(
  readFileSync(new URL("../package.json", import.meta.url), "utf8"),
);
if (Object.keys(dependencies).length > 0) throw new Error("the client depends on nothing");

const { output } = await build({
  configFile: false,
  logLevel: "warn",
  build: {
    write: false,
    target: "es2022",
    minify: true,
    rolldownOptions: {
      input: fileURLToPath(new URL("../dist/index.js", import.meta.url)),
      // Everything that can be imported counts, used or not.
      preserveEntrySignatures: "strict",
    },
  },
});
const code = output.map((chunk) => chunk.code ?? "").join("");
const size = gzipSync(code, { level: 9 }).length;
const kilobytes = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;
console.log(
  `client: ${kilobytes(size)} of ${kilobytes(LIMIT)} (minified, gzip; ${kilobytes(code.length)} before gzip)`,
);
if (size > LIMIT) process.exitCode = 1;
