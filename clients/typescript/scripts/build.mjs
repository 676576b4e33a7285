// Writes dist/: what is published besides the sources.
import { spawnSync } from "node:child_process";
import { chmodSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

rmSync(here("../dist"), { recursive: true, force: true });
const compiler = here("../node_modules/typescript/bin/tsc");
const command = [compiler, "--project", here("../tsconfig.build.json")];
const { status } = spawnSync(process.execPath, command, { stdio: "inherit" });
if (status !== 0) process.exit(1);
chmodSync(here("../dist/cli/main.js"), 0o755);
