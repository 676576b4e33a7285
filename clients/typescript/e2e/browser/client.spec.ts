import type { Browser } from "@playwright/test";
import { unique } from "../system.ts";
import { ClientPage, expect, test } from "./page.ts";

test("hears what happens", async ({ client, addLayer }) => {
  const name = unique("seen");
  await addLayer(name);
  await client.hears(name);
  expect(await client.states).toEqual(["connecting", "live"]);
});

test("says that the network is gone, and is back at once when it returns", async ({
  client,
  context,
  edge,
  addLayer,
}) => {
  await context.setOffline(true);
  edge.silence();
  await client.is("offline");
  const name = unique("while offline");
  await addLayer(name);
  await client.forget();
  edge.speak();
  await context.setOffline(false);
  await client.is("live");
  await client.hears(name);
  // No wait in between, and nothing told twice.
  expect(await client.states).toEqual(["connecting", "live"]);
  expect((await client.heard).filter((told) => told !== name)).toEqual(["resumed"]);
});

test("notices a network that falls silent while the browser knows nothing", async ({
  client,
  edge,
  addLayer,
}) => {
  edge.silence();
  await expect.poll(() => client.states).toContain("waiting");
  expect(await client.states).toContain("stale");
  const name = unique("in the silence");
  await addLayer(name);
  edge.speak();
  await client.is("live");
  await client.hears(name);
});

test("is back at once after the machine has slept", async ({ client, browser, edge, addLayer }) => {
  const renderers = await renderersOf(browser);
  await client.forget();
  // The page stands still, the connection is gone, and nobody is told.
  for (const pid of renderers) process.kill(pid, "SIGSTOP");
  edge.silence();
  const name = unique("while asleep");
  await addLayer(name);
  await passed(5_000);
  edge.speak();
  for (const pid of renderers) process.kill(pid, "SIGCONT");
  await client.hears(name);
  expect(await client.states).toEqual(["connecting", "live"]);
  expect(await client.heard).toEqual(["resumed", name]);
});

test("hears on in a tab in the background, and is back at once when it was frozen there", async ({
  tabs,
  edge,
  system,
  addLayer,
}) => {
  const tab = await tabs.tab(edge.url);
  const client = new ClientPage(tab);
  await client.connect(system.credentials);
  const other = await tabs.tab("about:blank");
  await expect.poll(() => tab.evaluate(() => document.hidden)).toBe(true);
  const unseen = unique("unseen");
  await addLayer(unseen);
  await client.hears(unseen);
  expect(await client.reconnects).toBe(0);

  await client.forget();
  await tab.freeze();
  // The connection is gone, and nobody is told.
  edge.silence();
  const name = unique("while frozen");
  await addLayer(name);
  await passed(2_000);
  edge.speak();
  await tab.thaw();
  await tab.show();
  await client.hears(name);
  // Browsers may end the connection of a frozen page; a wait that begins then ends when the page is seen.
  const [first, ...rest] = await client.states;
  expect(first === "waiting" ? rest : [first, ...rest]).toEqual(["connecting", "live"]);
  expect(await client.heard).toEqual(["resumed", name]);
  expect(await other.evaluate(() => document.hidden)).toBe(true);
});

test("inflates what comes deflated", async ({ client }) => {
  expect(await client.inflated).toBeGreaterThan(0);
});

test("comes back to a server that is replaced, and misses nothing", async ({
  client,
  system,
  addLayer,
}) => {
  await client.forget();
  system.signal("ws-fanout-1", "SIGTERM");
  await expect.poll(() => client.states).toContain("waiting");
  const name = unique("meanwhile");
  await addLayer(name);
  await client.is("live");
  await client.hears(name);
  expect(await client.heard).toEqual(["resumed", name]);
});

test("outlives its token, because the next one takes its place", async ({ client, addLayer }) => {
  const [session] = await client.sessions;
  // The stack's tokens are good for 15 seconds.
  await passed(17_000);
  const name = unique("later");
  await addLayer(name);
  await client.hears(name);
  expect(await client.sessions).toEqual([session]);
  expect(await client.reconnects).toBe(0);
});

/** The processes in which the browser's pages run. */
async function renderersOf(browser: Browser): Promise<number[]> {
  const devtools = await browser.newBrowserCDPSession();
  const { processInfo } = await devtools.send("SystemInfo.getProcessInfo");
  return processInfo.flatMap(({ type, id }) => (type === "renderer" ? [id] : []));
}

/** Time is what is tested here: a lease or a token of so many milliseconds is over. */
async function passed(ms: number): Promise<void> {
  const since = Date.now();
  await expect.poll(() => Date.now() - since, { intervals: [100] }).toBeGreaterThan(ms);
}
