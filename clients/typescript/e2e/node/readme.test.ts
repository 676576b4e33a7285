import { type ChildProcessByStdio, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { afterEach, expect, it } from "vitest";
import { examples, filledIn } from "../examples.ts";
import { System, unique } from "../system.ts";
import { until } from "../wait.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MAIN = join(ROOT, "dist/cli/main.js");

const system = new System();
const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** Runs a program, and gives what it has printed so far. */
function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child: ChildProcessByStdio<null, Readable, Readable> = spawn(command, args, {
    env: { PATH: process.env.PATH, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said = { out: "", err: "" };
  child.stdout.on("data", (text) => {
    said.out += text;
  });
  child.stderr.on("data", (text) => {
    said.err += text;
  });
  cleanUps.push(() => child.kill("SIGKILL"));
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  return { said, ended };
}

/** Runs an example where the package is found by its name, as it is by those who installed it. */
async function runExample(code: string): Promise<{ out: string; err: string }> {
  const results = join(ROOT, "test-results");
  await mkdir(results, { recursive: true });
  const folder = await mkdtemp(join(results, "example-"));
  cleanUps.push(() => rm(folder, { recursive: true }));
  const file = join(folder, "example.ts");
  const words = {
    "https://stream.example.org/ws": system.webSocket.href,
    "an access token": await system.token(),
  };
  await writeFile(file, filledIn(code, words));
  return run(process.execPath, [file]).said;
}

const [layers = "", chat = "", state = "", messagePack = ""] = examples("ts");

it("has as many examples as are tested here", () => {
  expect(examples("ts")).toHaveLength(4);
  expect(examples("sh")).toHaveLength(1);
});

it.each([
  ["who is in the chat", chat, /: Good evening\n/, /\d+ here \[ 'admin' \]/],
  ["the link", state, /^live\n/, /missed some: \w+/],
  ["MessagePack", messagePack, /\d+ watching, 0 inflated/, /./],
])("shows %s", async (_, code, ...expected) => {
  const said = await runExample(code);
  const isSaid = () => expected.every((words) => words.test(said.out));
  await until("said", isSaid, () => said);
});

it("shows layers and their changes", async () => {
  const said = await runExample(layers);
  await until(
    "said",
    () => /^\d+ layers/m.test(said.out),
    () => said,
  );
  const name = unique("example");
  const id = await system.addLayer(name);
  cleanUps.push(() => system.deleteLayer(id));
  await system.changeLayer(id, { opacity: 0.5 });
  await until(
    "said",
    () => said.out.includes(`${name} [ '/opacity' ]`),
    () => said,
  );
});

it("shows the program", async () => {
  const { username, password } = system.credentials;
  const [code = ""] = examples("sh");
  const script = filledIn(code, { "http://127.0.0.1:4200": system.url, "=…": `=${password}` });
  const functions = `set -e; stream-manager() { '${process.execPath}' '${MAIN}' "$@"; }\n`;
  const { said, ended } = run("bash", ["-c", functions + script]);
  expect(await ended, said.err).toBe(0);
  expect(said.out).toMatch(/watching/);
  expect(said.out).toMatch(/"type":"stream\.metrics\.sampled"/);
  expect(said.out).toMatch(/^chat \d+ connection/m);
  expect(username).toBe("admin");
});
