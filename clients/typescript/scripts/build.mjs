// Writes dist/: what is published besides the sources.
import { execFileSync } from "node:child_process";
import { chmodSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

rmSync(here("../dist"), { recursive: true, force: true });
const compiler = here("../node_modules/typescript/bin/tsc");
execFileSync(process.execPath, [compiler, "--project", here("../tsconfig.build.json")], {
  stdio: "inherit",
});
chmodSync(here("../dist/cli/main.js"), 0o755);
