// Packs the client as it is published, installs that where nothing else is, and uses it.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "client-pack-"));
const run = (command, args, cwd = folder) =>
  execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });

const RESOLUTIONS = [
  ["nodenext", "nodenext"],
  ["esnext", "bundler"],
];

/** What a program of somebody else may look like. */
const USER = `
import { byToken, connect, type LinkState } from "@stream-manager/client";

const client = connect({ url: "http://127.0.0.1:4200/ws", proof: byToken("t") });
client.subscribe("chat", {}, (event) => {
  if (event.type === "snapshot") for (const { name } of event.value) name.toUpperCase();
  else if (event.type === "chat.message.posted") event.data.text.trim();
  // @ts-expect-error: no such event
  else if (event.type === "weather.changed") event.type;
});
const state: LinkState = client.state.get();
if (state.kind === "waiting") state.retryAt.toFixed();
client.close();
`;

/** The programs of the README, which the README's test runs. */
const readme = readFileSync(join(root, "README.md"), "utf8");
const examples = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code);
const programs = [USER, ...examples];

try {
  const pack = ["pack", "--ignore-scripts", "--json", "--pack-destination", folder];
  const [{ filename, files, size }] = JSON.parse(run("npm", pack, root));
  const unwanted = files.filter(({ path }) => /\.test\.|test-kit|e2e|node_modules/.test(path));
  if (unwanted.length > 0) throw new Error(`packed: ${unwanted.map(({ path }) => path)}`);
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  programs.forEach((code, number) => {
    writeFileSync(join(folder, `user-${number}.ts`), code);
  });
  run("npm", ["install", "--offline", "--no-audit", "--no-fund", "--loglevel=error", filename]);

  const compiler = join(root, "node_modules/typescript/bin/tsc");
  for (const [module, moduleResolution] of RESOLUTIONS) {
    const lib = ["es2022", "dom"];
    const options = { module, moduleResolution, target: "es2022", lib, types: [], strict: true };
    const files = programs.map((_, number) => `user-${number}.ts`);
    const project = { compilerOptions: { ...options, noEmit: true }, files };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(project));
    run(process.execPath, [compiler]);
  }
  const names = "import('@stream-manager/client').then((all) => console.log(typeof all.connect))";
  if (run(process.execPath, ["-e", names]).trim() !== "function") throw new Error("no connect");
  const help = run(join(folder, "node_modules/.bin/stream-manager"), ["--help"]);
  if (!help.includes("stream-manager watch")) throw new Error("the program says nothing");
  console.log(`package: ${files.length} files, ${(size / 1000).toFixed(1)} kB packed`);
} finally {
  rmSync(folder, { recursive: true });
}
