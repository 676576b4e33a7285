import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "@playwright/test";
import { expect, expectPlaying, test } from "./fixtures.ts";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const THEMES = ["dark", "light"] as const;

/** Every rule of WCAG 2.0 to 2.2 A and AA, and good practice. */
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

async function expectAccessible(page: Page): Promise<void> {
  // Evaluated by the browser's debugger, which the page's content security policy does not bind.
  await page.evaluate(axe);
  const violations = await page.evaluate(async (values) => {
    const { axe: tool } = window as unknown as { axe: typeof import("axe-core") };
    const result = await tool.run({ runOnly: { type: "tag", values } });
    return result.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`);
  }, TAGS);
  expect(violations).toEqual([]);
}

for (const colorScheme of THEMES) {
  test(`axe finds nothing on the sign-in page, ${colorScheme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme });
    await page.goto("");
    await expect(page.getByLabel("Password")).toBeVisible();
    await expectAccessible(page);
    await page.screenshot({ path: `screenshots/sign-in-${colorScheme}.png` });
  });

  test(`axe finds nothing off air and on air, ${colorScheme}`, async ({
    system,
    console: page,
  }) => {
    await page.emulateMedia({ colorScheme });
    await system.goOffline();
    await expect(page.getByRole("button", { name: "Go live" })).toBeVisible();
    await expectAccessible(page);
    await page.screenshot({ path: `screenshots/off-air-${colorScheme}.png` });

    await system.goLive();
    await expectPlaying(page);
    await page
      .getByRole("button", { name: /^Edit / })
      .first()
      .click();
    await expectAccessible(page);
    await page.screenshot({ path: `screenshots/on-air-${colorScheme}.png` });
    await page.getByRole("button", { name: "Hold to end" }).press("Space");
    await expectAccessible(page);
    await page.keyboard.press("Escape");
  });
}

for (const width of [390, 320]) {
  test(`nothing is cut off at ${width} px`, async ({ system, console: page }) => {
    await system.goLive();
    await expectPlaying(page);
    await page.setViewportSize({ width, height: 780 });
    await page
      .getByRole("button", { name: /^Edit / })
      .first()
      .click();
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    expect(overflow).toBe(0);
    await expectAccessible(page);
    await page.evaluate(() => window.scrollTo(0, 0));
    for (const colorScheme of THEMES) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: `screenshots/${width}-${colorScheme}.png`, fullPage: true });
    }
  });
}
