import type { WebSocketRoute } from "@playwright/test";
import { expect, pill, signIn, test, watchForProblems } from "./fixtures.ts";

test("the loss of the link shows as such, blocks commands and heals", async ({ system, page }) => {
  await system.goLive();
  const problems = watchForProblems(page);
  const sockets: WebSocketRoute[] = [];
  let reachable = true;
  await page.routeWebSocket(/\/ws\?/, (socket) => {
    if (!reachable) {
      void socket.close({ code: 4000 });
      return;
    }
    socket.connectToServer();
    sockets.push(socket);
  });
  await page.goto("");
  await signIn(page);
  await expect(pill(page)).toHaveText("Live");

  reachable = false;
  await sockets.at(-1)?.close({ code: 4000 });
  const link = page.getByTestId("link");
  await expect(link).toContainText(/Reconnecting|Connecting|Slow updates/);
  await expect(link.getByRole("button", { name: "Retry now" })).toBeVisible();
  await expect(pill(page)).toHaveText("Live");
  await expect(link).toContainText("Slow updates");

  reachable = true;
  await link.getByRole("button", { name: "Retry now" }).click();
  await expect(link).toContainText("Live");
  await expect(page.getByRole("button", { name: "Add layer" })).toBeEnabled();
  expect(problems).toEqual([]);
});

test("a silent link is stale within seconds, and commands say why not", async ({
  system,
  page,
}) => {
  await system.goLive();
  let silent = false;
  await page.routeWebSocket(/\/ws\?/, (socket) => {
    const server = socket.connectToServer();
    server.onMessage((message) => {
      if (!silent) socket.send(message);
    });
  });
  await page.goto("");
  await signIn(page);
  await expect(pill(page)).toHaveText("Live");
  silent = true;
  const link = page.getByTestId("link");
  await expect(link).toContainText(/Stale \d s/);
  const add = page.getByRole("button", { name: "Add layer" });
  await expect(add).toBeDisabled();
  await expect(add).toHaveAttribute("title", /not answering/);
  await expect(page.getByRole("button", { name: "Hold to end" })).toBeEnabled();
  silent = false;
  await expect(link).toContainText("Live");
  await expect(add).toBeEnabled();
});

test("without a network the badge says offline, and everything resumes", async ({
  context,
  page,
}) => {
  let reachable = true;
  const sockets: WebSocketRoute[] = [];
  await page.routeWebSocket(/\/ws\?/, (socket) => {
    if (!reachable) {
      void socket.close({ code: 4000 });
      return;
    }
    socket.connectToServer();
    sockets.push(socket);
  });
  await page.goto("");
  await signIn(page);
  reachable = false;
  await context.setOffline(true);
  await sockets.at(-1)?.close({ code: 4000 });
  const link = page.getByTestId("link");
  await expect(link).toContainText("Offline");
  reachable = true;
  await context.setOffline(false);
  await expect(link).toContainText("Live");
});

test("a console that does not load says so, and comes when asked", async ({ page }) => {
  let reachable = false;
  await page.route(/\/assets\/.*\.js$/, (route) => (reachable ? route.fallback() : route.abort()));
  await page.goto("");
  await expect(page.getByRole("alert")).toContainText("could not be loaded");
  reachable = true;
  await page.getByRole("button", { name: "Try again" }).click();
  await signIn(page);
});
