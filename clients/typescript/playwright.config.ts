import { defineConfig } from "@playwright/test";
import { chromium } from "./e2e/browser/chromium.ts";

/** Drives a running system. Nothing is started here, and nothing is tried twice. */
export default defineConfig({
  testDir: "e2e/browser",
  forbidOnly: true,
  retries: 0,
  // Servers are replaced and killed: the tests take turns.
  workers: 1,
  fullyParallel: false,
  timeout: 90_000,
  expect: { timeout: 30_000 },
  reporter: [["list"]],
  outputDir: "test-results",
  use: {
    launchOptions: { executablePath: chromium.path, args: [...chromium.args] },
  },
});
