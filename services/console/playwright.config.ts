import { defineConfig } from "@playwright/test";

/** Where the console is, with its base path and a closing slash. */
const url = (process.env.CONSOLE_URL ?? "http://127.0.0.1:4200/").replace(/\/?$/, "/");

/** Drives a running system. Nothing is started here, and nothing is tried twice. */
export default defineConfig({
  testDir: "e2e",
  forbidOnly: true,
  retries: 0,
  // One stream, one scene: the tests take turns.
  workers: 1,
  fullyParallel: false,
  timeout: 180_000,
  expect: { timeout: 20_000 },
  reporter: [["list"]],
  outputDir: "test-results",
  use: {
    baseURL: url,
    viewport: { width: 1440, height: 900 },
    screenshot: "only-on-failure",
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      // Chromium's sandbox refuses to run as root.
      args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
    },
  },
});
