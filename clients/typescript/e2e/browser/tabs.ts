import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pollUntil } from "../wait.ts";
import { chromium } from "./chromium.ts";

/** What a DevTools connection answers. */
interface Answer {
  readonly id?: number;
  readonly error?: { readonly message: string };
  readonly result?: unknown;
}

/**
 * A browser whose tabs hide each other, as a person's do. Playwright keeps each of its own pages in sight, where
 * nothing is throttled and nothing can be frozen; so this one is led over its DevTools alone.
 */
export class Tabs {
  private readonly browser: ChildProcess;
  private readonly profile: string;
  private readonly socket: WebSocket;
  private readonly waiting = new Map<number, (answer: Answer) => void>();
  private nextId = 1;

  static async open(): Promise<Tabs> {
    const profile = await mkdtemp(join(tmpdir(), "client-e2e-tabs-"));
    const { path, args } = chromium;
    const command = ["--headless", "--remote-debugging-port=0", `--user-data-dir=${profile}`];
    const browser = spawn(path, [...args, ...command, "about:blank"], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    for await (const line of createInterface({ input: browser.stderr })) {
      const [, url] = /^DevTools listening on (ws:.*)$/.exec(line) ?? [];
      if (!url) continue;
      // What it says from here on is not read, and must not fill the pipe.
      browser.stderr.resume();
      const socket = new WebSocket(url);
      await new Promise((resolve, reject) => {
        socket.onopen = resolve;
        socket.onerror = reject;
      });
      return new Tabs(browser, profile, socket);
    }
    throw new Error("the browser did not start");
  }

  private constructor(browser: ChildProcess, profile: string, socket: WebSocket) {
    this.browser = browser;
    this.profile = profile;
    this.socket = socket;
    socket.onmessage = ({ data }) => {
      const answer: Answer = JSON.parse(data);
      if (answer.id !== undefined) this.waiting.get(answer.id)?.(answer);
    };
  }

  /** Opens a tab in front of all others. */
  async tab(url: string): Promise<Tab> {
    const blank = { url: "about:blank" };
    const { targetId } = await this.send<{ targetId: string }>("Target.createTarget", blank);
    const { sessionId } = await this.send<{ sessionId: string }>("Target.attachToTarget", {
      targetId,
      flatten: true,
    });
    const tab = new Tab(this, targetId, sessionId);
    await this.send("Page.navigate", { url }, sessionId);
    await pollUntil("loaded", () => tab.evaluate(() => document.readyState === "complete"));
    return tab;
  }

  async send<R>(method: string, params: object, sessionId?: string): Promise<R> {
    const id = this.nextId++;
    const answered = new Promise<Answer>((resolve) => this.waiting.set(id, resolve));
    this.socket.send(JSON.stringify({ id, method, params, sessionId }));
    const { error, result } = await answered;
    this.waiting.delete(id);
    if (error) throw new Error(`${method}: ${error.message}`);
    return result as R;
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.browser.once("exit", resolve));
    this.socket.close();
    this.browser.kill();
    await ended;
    await rm(this.profile, { recursive: true, force: true });
  }
}

/** One tab. */
export class Tab {
  private readonly tabs: Tabs;
  private readonly target: string;
  private readonly session: string;

  constructor(tabs: Tabs, target: string, session: string) {
    this.tabs = tabs;
    this.target = target;
    this.session = session;
  }

  /** Runs a function in the page, with an argument that JSON can hold. */
  async evaluate<R, A = void>(run: (argument: A) => R | Promise<R>, argument?: A): Promise<R> {
    const call = `(${run})(${JSON.stringify(argument)})`;
    const params = { expression: call, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await this.tabs.send<Evaluated>(
      "Runtime.evaluate",
      params,
      this.session,
    );
    if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
    return result.value as R;
  }

  /** Puts it in front of the others. */
  show(): Promise<void> {
    return this.tabs.send("Target.activateTarget", { targetId: this.target });
  }

  /** Stops everything in it, as browsers do with tabs in the background to save power. */
  freeze(): Promise<void> {
    return this.lifeCycle("frozen");
  }

  /** Lets it go on. */
  thaw(): Promise<void> {
    return this.lifeCycle("active");
  }

  private lifeCycle(state: "frozen" | "active"): Promise<void> {
    return this.tabs.send("Page.setWebLifecycleState", { state }, this.session);
  }
}

interface Evaluated {
  readonly result: { readonly value?: unknown };
  readonly exceptionDetails?: unknown;
}
