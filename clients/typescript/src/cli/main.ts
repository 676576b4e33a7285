#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { type Command, readCommand, USAGE } from "./arguments.ts";
import { chat } from "./chat.ts";
import { EXIT, type ExitCode, Failure } from "./exit-codes.ts";
import { paintFor } from "./paint.ts";
import { presence } from "./presence.ts";
import type { Terminal } from "./terminal.ts";
import { watch } from "./watch.ts";
import { oneLine } from "./words.ts";

const { argv, env, stdin, stdout, stderr } = process;

const ending = new AbortController();
process.once("SIGINT", () => ending.abort(EXIT.interrupted));
process.once("SIGTERM", () => ending.abort(EXIT.terminated));
// Whoever read what is printed has gone, as `head` does: there is nothing left to do.
stdout.once("error", () => ending.abort(EXIT.done));

const terminal: Terminal = {
  print: (line) => stdout.write(`${line}\n`),
  note: (line) => stderr.write(`${paintFor(stderr.isTTY, env).dim(line)}\n`),
  paint: paintFor(stdout.isTTY, env),
  input: stdin,
  ended: ending.signal,
};

function run(command: Command): Promise<ExitCode> | ExitCode {
  switch (command.kind) {
    case "help":
      stdout.write(USAGE);
      return EXIT.done;
    case "version":
      stdout.write(`${version()}\n`);
      return EXIT.done;
    case "watch":
      return watch(command, terminal);
    case "chat":
      return chat(command, terminal);
    case "presence":
      return presence(command, terminal);
  }
}

function version(): string {
  const description = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return JSON.parse(description).version;
}

function complain(error: unknown): ExitCode {
  const failure = error instanceof Failure ? error : null;
  const message = failure ? failure.message.split("\n").map(oneLine).join("\n") : String(error);
  stderr.write(`${paintFor(stderr.isTTY, env).bad("stream-manager:")} ${message}\n`);
  return failure?.code ?? EXIT.internal;
}

async function main(): Promise<ExitCode> {
  try {
    return await run(readCommand(argv.slice(2), env));
  } catch (error) {
    return complain(error);
  }
}

const code = await main();
// A socket that says goodbye to a server that is not there would hold the process.
stdout.write("", () => process.exit(code));
