import { defineConfig } from "@playwright/test";

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
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      // Chromium's sandbox refuses to run as root.
      args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
    },
  },
});
