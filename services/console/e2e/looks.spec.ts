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

/** Colours fade into each other when the theme changes; what is between them is nobody's choice. */
async function settled(page: Page): Promise<void> {
  await page.evaluate(async () => {
    // What is folded away stands still in the middle of its fading.
    const isSeen = ({ effect }: Animation) =>
      effect instanceof KeyframeEffect && effect.target?.checkVisibility();
    const fades = document
      .getAnimations()
      .filter((one) => one instanceof CSSTransition && isSeen(one));
    await Promise.allSettled(fades.map(({ finished }) => finished));
  });
}

/** Looks at the page in both themes, and keeps a picture of each. */
async function expectGoodLooks(page: Page, name: string, fullPage = false): Promise<void> {
  for (const colorScheme of THEMES) {
    await page.emulateMedia({ colorScheme });
    await settled(page);
    await expectAccessible(page);
    await page.screenshot({ path: `screenshots/${name}-${colorScheme}.png`, fullPage });
  }
}

test("axe finds nothing on the sign-in page", async ({ page }) => {
  await page.goto("");
  await expect(page.getByLabel("Password")).toBeVisible();
  await expectGoodLooks(page, "sign-in");
});

test("axe finds nothing off air", async ({ system, console: page }) => {
  await system.goOffline();
  await expect(page.getByRole("button", { name: "Go live" })).toBeVisible();
  await expectGoodLooks(page, "off-air");
});

test("axe finds nothing on air, nor in the dialogs", async ({ system, console: page }) => {
  await system.goLive();
  await expectPlaying(page);
  await page
    .getByRole("region", { name: "Layers" })
    .getByRole("button", { name: /^Edit / })
    .first()
    .click();
  await expectGoodLooks(page, "on-air");
  await page.getByRole("button", { name: "Hold to end" }).press("Space");
  await expectGoodLooks(page, "end-dialog");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Add layer" }).click();
  await expectGoodLooks(page, "add-dialog");
});

test("nothing is cut off on a phone", async ({ system, console: page }) => {
  await system.goLive();
  await expectPlaying(page);
  await page
    .getByRole("region", { name: "Layers" })
    .getByRole("button", { name: /^Edit / })
    .first()
    .click();
  for (const width of [390, 320]) {
    await page.setViewportSize({ width, height: 780 });
    await page.evaluate(() => window.scrollTo(0, 0));
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    expect(overflow, `${width} px`).toBe(0);
    await expectGoodLooks(page, String(width), true);
  }
});
