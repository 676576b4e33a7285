import { test as base, expect } from "@playwright/test";
import type { Client } from "../../src/index.ts";
import { Edge } from "../edge.ts";
import { System } from "../system.ts";
import { type Tab, Tabs } from "./tabs.ts";

/** What the script in the page keeps, for the tests to look at. */
interface Kept {
  client: Client;
  /** Every state of the link, by kind. */
  states: string[];
  /** The layers that were told of as new, and `snapshot` and `resumed` where those came. */
  heard: string[];
  sessions: (string | null)[];
}

/** What runs a function in a page: Playwright's page, or a tab. */
type Runs = Pick<Tab, "evaluate">;

/** A page with the built client in it, connected through an edge of its own. */
export class ClientPage {
  readonly page: Runs;

  constructor(page: Runs) {
    this.page = page;
  }

  get states(): Promise<string[]> {
    return this.page.evaluate(() => (window as unknown as Kept).states);
  }

  get heard(): Promise<string[]> {
    return this.page.evaluate(() => (window as unknown as Kept).heard);
  }

  get sessions(): Promise<(string | null)[]> {
    return this.page.evaluate(() => (window as unknown as Kept).sessions);
  }

  get reconnects(): Promise<number> {
    return this.page.evaluate(() => (window as unknown as Kept).client.figures.get().reconnects);
  }

  get inflated(): Promise<number> {
    return this.page.evaluate(() => (window as unknown as Kept).client.figures.get().inflated);
  }

  async is(kind: string): Promise<void> {
    await expect.poll(async () => (await this.states).at(-1)).toBe(kind);
  }

  async hears(what: string): Promise<void> {
    await expect.poll(() => this.heard).toContain(what);
  }

  /** Forgets what was kept so far. */
  async forget(): Promise<void> {
    await this.page.evaluate(() => {
      const kept = window as unknown as Kept;
      kept.states.length = 0;
      kept.heard.length = 0;
    });
  }

  /** Signs in as a page does: tokens from the API, a ticket for each connection, renewals in place. */
  async connect(login: { username: string; password: string }): Promise<void> {
    await this.page.evaluate(async (login) => {
      const { byTicket, Client } = await import("@stream-manager/client" as string);
      const post = async (path: string, body: object | null, token = "") => {
        const answer = await fetch(path, {
          method: "POST",
          headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
          ...(body && { body: JSON.stringify(body) }),
        });
        if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
        return answer.json();
      };
      let tokens = await post("/api/auth/login", login);
      const client: Client = new Client({
        url: () => new URL("/ws", location.href),
        proof: byTicket(
          async () => (await post("/api/auth/ws-ticket", null, tokens.access_token)).ticket,
        ),
        timing: { pingMs: 300, staleMs: 800, silentMs: 2_000, wakeMs: 600 },
      });
      const renew = async () => {
        try {
          tokens = await post("/api/auth/refresh", { refresh_token: tokens.refresh_token });
          client.renew(tokens.access_token);
        } catch {
          // Without a network: the next round may have one.
        }
      };
      setInterval(renew, tokens.expires_in * 500);
      const kept: Kept = { client, states: [], heard: [], sessions: [] };
      Object.assign(window, kept);
      client.state.subscribe(() => kept.states.push(client.state.get().kind));
      client.session.subscribe(() => kept.sessions.push(client.session.get()));
      client.subscribe("layer-updates", {}, (event) => {
        if (event.type === "layer.created") kept.heard.push(event.data.layer.name);
        else if (event.type === "snapshot" || event.type === "resumed") kept.heard.push(event.type);
      });
      client.start();
    }, login);
    await this.is("live");
    await this.hears("snapshot");
  }
}

interface Fixtures {
  readonly system: System;
  readonly edge: Edge;
  /** Connected and live, with a snapshot. */
  readonly client: ClientPage;
  /** A browser whose tabs hide each other. */
  readonly tabs: Tabs;
  /** Adds a layer, and takes it away after the test. */
  readonly addLayer: (name: string) => Promise<void>;
}

export const test = base.extend<Fixtures>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of fixtures from it
  system: async ({}, use) => use(new System()),
  edge: async ({ system }, use) => {
    const edge = await Edge.start(system.url);
    await use(edge);
    await edge.stop();
  },
  client: async ({ page, edge, system }, use) => {
    await page.goto(edge.url);
    // Playwright's types say more of arguments than is used here.
    const client = new ClientPage(page as unknown as Runs);
    await client.connect(system.credentials);
    await use(client);
  },
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of fixtures from it
  tabs: async ({}, use) => {
    const tabs = await Tabs.open();
    await use(tabs);
    await tabs.close();
  },
  addLayer: async ({ system }, use) => {
    const ids: string[] = [];
    await use(async (name) => {
      ids.push(await system.addLayer(name));
    });
    for (const id of ids) await system.deleteLayer(id);
  },
});

export { expect };
