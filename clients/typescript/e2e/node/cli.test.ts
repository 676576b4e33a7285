import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { System, unique } from "../system.ts";
import { until } from "../wait.ts";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

const system = new System();
const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** The program, as somebody runs it in a pipe. */
class Run {
  readonly process: ChildProcessWithoutNullStreams;
  readonly ended: Promise<number | null>;
  out = "";
  err = "";

  constructor(args: readonly string[], environment: NodeJS.ProcessEnv = {}, terminal = false) {
    const env = { PATH: process.env.PATH, ...environment };
    const command = [process.execPath, MAIN, ...args];
    // `script` gives it a terminal, and prints what that shows.
    const [program = "", ...rest] = terminal
      ? ["script", "--quiet", "--return", "--command", command.join(" "), "/dev/null"]
      : command;
    this.process = spawn(program, rest, { env });
    this.process.stdout.on("data", (text) => {
      this.out += text;
    });
    this.process.stderr.on("data", (text) => {
      this.err += text;
    });
    this.ended = new Promise((resolve) => this.process.on("close", resolve));
    cleanUps.push(() => this.process.kill("SIGKILL"));
  }

  get lines(): string[] {
    return this.out.split("\n").filter(Boolean);
  }

  /** Waits until it has printed something, or said it on the way. */
  async said(what: string, where: "out" | "err" = "out"): Promise<void> {
    await until(
      `said: ${what}`,
      () => this[where].includes(what),
      () => [this.out, this.err],
    );
  }
}

const run = (line: string, environment: NodeJS.ProcessEnv = {}) =>
  new Run([...line.split(" "), "--url", system.url], environment);

const asAdmin = async () => ({ STREAM_MANAGER_TOKEN: await system.token() });

describe("watch", () => {
  it("prints the figures of the stream, as many as asked for", async () => {
    const watch = run("watch --channel metrics --json --count 2", await asAdmin());
    expect(await watch.ended).toBe(0);
    const events = watch.lines.map((line) => JSON.parse(line));
    const sampled = events.filter(({ type }) => type === "stream.metrics.sampled");
    expect(sampled).toHaveLength(2);
    expect(sampled[1].offset).toBeGreaterThan(sampled[0].offset);
    expect(sampled[0].data.viewers.current).toBeTypeOf("number");
  });

  it.each(["", " --no-deflate"])("hears the same in MessagePack%s", async (more) => {
    const watch = run(
      `watch --channel metrics --json --count 1 --format msgpack${more}`,
      await asAdmin(),
    );
    expect(await watch.ended, watch.err).toBe(0);
    expect(JSON.parse(watch.lines.at(-1) ?? "")).toMatchObject({ type: "stream.metrics.sampled" });
  });

  it("prints lines for people, without colours in a pipe", async () => {
    const watch = run("watch --channel metrics --channel stream-state --count 1", await asAdmin());
    expect(await watch.ended).toBe(0);
    expect(watch.out).toMatch(/^now {6}stream-state \w+, \d+ watching/m);
    expect(watch.out).toMatch(/kbit\/s/);
    expect(watch.out + watch.err).not.toContain("\u001b");
    expect(watch.err).toContain("connected");
  });

  it.each([
    ["with colours on a terminal", {}, true],
    ["without colours on a terminal whose owner wants none", { NO_COLOR: "1" }, false],
  ])("prints %s", async (_, wish, coloured) => {
    const args = ["watch", "--channel", "metrics", "--count", "1", "--url", system.url];
    const environment = { ...(await asAdmin()), TERM: "xterm", ...wish };
    const watch = new Run(args, environment, true);
    expect(await watch.ended).toBe(0);
    expect(watch.out).toContain("kbit/s");
    expect(watch.out.includes("\u001b[1m")).toBe(coloured);
  });

  it("goes on through a server that is replaced", async () => {
    const { username, password } = system.credentials;
    const watch = run(`watch --channel layer-updates --user ${username}`, {
      STREAM_MANAGER_PASSWORD: password,
    });
    await watch.said("layer-updates");
    system.signal("ws-fanout-1", "SIGTERM");
    await watch.said("not connected", "err");
    const name = unique("seen");
    const id = await system.addLayer(name);
    cleanUps.push(() => system.deleteLayer(id));
    await watch.said(name);
    watch.process.kill("SIGINT");
    expect(await watch.ended).toBe(130);
  });

  it("reads a token from a file", async () => {
    const folder = await mkdtemp(join(tmpdir(), "client-e2e-"));
    cleanUps.push(() => rm(folder, { recursive: true }));
    const file = join(folder, "token");
    await writeFile(file, `${await system.token()}\n`);
    const watch = run(`watch --channel metrics --count 1 --token-file ${file}`);
    expect(await watch.ended).toBe(0);
    const missing = run(`watch --channel metrics --token-file ${file}.missing`);
    expect(await missing.ended).toBe(77);
    expect(missing.err).toContain("no such file");
  });

  it("ends quietly when nobody reads any more", async () => {
    const watch = run("watch --channel metrics", await asAdmin());
    await watch.said("kbit/s");
    watch.process.stdout.destroy();
    expect(await watch.ended).toBe(0);
  });
});

describe("presence", () => {
  it.each(["json", "msgpack"])("says who watches, in %s", async (format) => {
    const watch = run("watch --channel metrics", await asAdmin());
    await watch.said("kbit/s");
    const line = `presence --channel metrics --json --no-deflate --format ${format}`;
    const presence = run(line, await asAdmin());
    expect(await presence.ended, presence.err).toBe(0);
    const { channel, stream, connections, people } = JSON.parse(presence.out);
    expect({ channel, stream }).toEqual({ channel: "metrics", stream: "main" });
    expect(connections).toBeGreaterThan(0);
    expect(people[0]).toMatchObject({ name: system.credentials.username, role: "admin" });
  });

  it("is told to those who may read the channel", async () => {
    const presence = run("presence --channel metrics");
    expect(await presence.ended).toBe(77);
    expect(presence.err).toContain("auth.token.missing");
  });
});

describe("chat", () => {
  it("posts one message", async () => {
    const watch = run("watch --channel chat", await asAdmin());
    await watch.said("connected", "err");
    const text = unique("Good evening");
    const chat = new Run(["chat", text, "--url", system.url], await asAdmin());
    expect(await chat.ended, chat.err).toBe(0);
    await watch.said(text);
    watch.process.kill("SIGTERM");
    expect(await watch.ended).toBe(143);
  });

  it("reads and writes along, until the input ends", async () => {
    const chat = run("chat", await asAdmin());
    const text = unique("Along");
    chat.process.stdin.write(`${text}\n`);
    await chat.said(text);
    chat.process.stdin.end();
    expect(await chat.ended).toBe(0);
  });

  it("says why a message is not posted", async () => {
    const chat = new Run(["chat", "x".repeat(501), "--url", system.url], await asAdmin());
    expect(await chat.ended).toBe(1);
    expect(chat.err).toMatch(/not posted: .*\(request\.validation\.failed\)/);
  });
});

describe("ends with a code that says why", () => {
  it.each([
    [77, "watch --channel chat --token none", /stream-manager: /],
    [77, "watch --channel metrics", /metrics: .*\(auth\.token\.missing\)/],
    [1, "watch --channel stream-state --stream other", /\(stream\.not-found\)/],
    [64, "watch --channel weather", /no channel weather/],
  ])("%i: %s", async (code, line, words) => {
    const ended = run(line);
    expect(await ended.ended, ended.err).toBe(code);
    expect(ended.err).toMatch(words);
    expect(ended.out).toBe("");
  });

  it("77: a wrong password", async () => {
    const wrong = run("watch --channel chat --user nobody", {
      STREAM_MANAGER_PASSWORD: "wrong-one",
    });
    expect(await wrong.ended).toBe(77);
    expect(wrong.err).toContain("wrong user name or password");
  });

  it("69: nobody is there", async () => {
    const watch = new Run([
      "watch",
      "--channel",
      "chat",
      "--url",
      "http://127.0.0.1:9",
      "--wait",
      "0.3",
    ]);
    expect(await watch.ended).toBe(69);
    expect(watch.err).toContain("no connection to 127.0.0.1:9");
  });

  it("0: help", async () => {
    const help = new Run(["--help"]);
    expect(await help.ended).toBe(0);
    expect(help.out).toContain("stream-manager watch");
  });
});
