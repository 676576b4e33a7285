import type { Page } from "@playwright/test";
import { distance, expect, expectPlaying, middleOfPicture, test } from "./fixtures.ts";

const NAMES = ["End-to-end back", "End-to-end front"] as const;
const TOLERANCE = 24;

test.beforeEach(async ({ system }) => {
  for (const name of NAMES) await system.deleteLayers(name);
  await system.goLive();
});
test.afterEach(async ({ system }) => {
  for (const name of NAMES) await system.deleteLayers(name);
});

async function addColor(page: Page, name: string, color: string): Promise<void> {
  await page.getByRole("button", { name: "Add layer" }).click();
  await page.getByRole("radio", { name: "Color" }).check({ force: true });
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Color", { exact: true }).last().fill(color);
  await page.getByRole("button", { name: "Add to the front" }).click();
  await expect(page.getByRole("listitem").filter({ hasText: name })).toBeVisible();
}

test("layers become a group that hides as one, and are themselves again", async ({
  console: page,
}) => {
  await expectPlaying(page);
  const [back, front] = NAMES;
  await addColor(page, back, "#000000");
  await addColor(page, front, "#d02090");
  await page.getByRole("button", { name: "Select layers" }).click();
  for (const name of NAMES) await page.getByRole("checkbox", { name: `Select ${name}` }).check();
  await page.getByRole("button", { name: "Group", exact: true }).click();
  const name = `Group of ${front}`;
  const row = page.getByRole("listitem").filter({ hasText: "Group of 2 layers" });
  await expect(row).toBeVisible();
  const from = (color: readonly number[]) => async () =>
    distance(await middleOfPicture(page), color);
  await expect.poll(from([0xd0, 0x20, 0x90]), { timeout: 30_000 }).toBeLessThan(TOLERANCE);
  await page.screenshot({ path: test.info().outputPath("group.png"), fullPage: true });

  await row.getByRole("button", { name: `Hide group ${name}` }).click();
  await expect.poll(from([0xd0, 0x20, 0x90]), { timeout: 30_000 }).toBeGreaterThan(TOLERANCE);
  await row.getByRole("button", { name: `Show group ${name}` }).click();
  await row.getByRole("button", { name: `Lock group ${name}` }).click();
  await expect(page.getByRole("button", { name: `Hide ${front}` })).toBeDisabled();
  await row.getByRole("button", { name: `Unlock group ${name}` }).click();
  await row.getByRole("button", { name: `Fold ${name}` }).click();
  await expect(page.getByRole("button", { name: `Hide ${front}` })).toHaveCount(0);
  await row.getByRole("button", { name: `Ungroup ${name}` }).click();
  await expect(row).toHaveCount(0);
  await expect.poll(from([0xd0, 0x20, 0x90]), { timeout: 30_000 }).toBeLessThan(TOLERANCE);
});

test("a score board comes from a template, and its score is a variable", async ({
  console: page,
}) => {
  await expectPlaying(page);
  await page.getByRole("button", { name: "Add from a template" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("radio", { name: "Score board" }).check({ force: true });
  await dialog.getByLabel("Beginning of the variables' names").fill("e2e");
  await dialog.getByLabel("Home", { exact: true }).fill("Ours");
  await dialog.getByRole("button", { name: "Add to the front" }).click();
  const row = page.getByRole("listitem").filter({ hasText: "Group of 5 layers" });
  await expect(row).toBeVisible();

  await page.getByText(/^Variables/).click();
  await page.getByRole("button", { name: "One more for e2e_home" }).click();
  await expect(page.getByLabel("e2e_home", { exact: true })).toHaveValue("1");
  await page.screenshot({ path: test.info().outputPath("score-board.png"), fullPage: true });

  await page.getByRole("button", { name: /^Undo create Score board/ }).click();
  await expect(row).toHaveCount(0);
  for (const what of ["home", "away", "period"]) {
    await page.getByRole("button", { name: `Remove e2e_${what}` }).click();
  }
  await expect(page.getByLabel("e2e_home", { exact: true })).toHaveCount(0);
});

test("a group is saved as a template that asks for its text", async ({ console: page }) => {
  await expectPlaying(page);
  const [back] = NAMES;
  await page.getByRole("button", { name: "Add layer" }).click();
  await page.getByRole("radio", { name: "Text" }).check({ force: true });
  await page.getByLabel("Name", { exact: true }).fill(back);
  await page.getByRole("button", { name: "Add to the front" }).click();
  await page.getByRole("button", { name: "Select layers" }).click();
  await page.getByRole("checkbox", { name: `Select ${back}` }).check();
  await page.getByRole("button", { name: "Group", exact: true }).click();
  await page.getByRole("button", { name: `Save group Group of ${back} as a template` }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name of the template").fill("End-to-end template");
  await dialog.getByRole("checkbox", { name: `${back}: text`, exact: true }).check();
  await dialog.getByRole("button", { name: "Save the template" }).click();
  await expect(dialog).toHaveCount(0);

  await page.getByRole("button", { name: "Add from a template" }).click();
  await dialog.getByRole("radio", { name: "End-to-end template" }).check({ force: true });
  await dialog.getByLabel("Name of the group").fill("End-to-end group");
  await dialog.getByLabel(`${back}: text`).fill("Asked for");
  await page.screenshot({ path: test.info().outputPath("template.png"), fullPage: true });
  await dialog.getByRole("button", { name: "Add to the front" }).click();
  await expect(page.getByText("End-to-end group").first()).toBeVisible();

  await page.getByRole("button", { name: "Add from a template" }).click();
  await dialog.getByRole("radio", { name: "End-to-end template" }).check({ force: true });
  await dialog.getByRole("button", { name: "Delete the template" }).click();
  await expect(dialog.getByRole("radio", { name: "End-to-end template" })).toHaveCount(0);
  await dialog.getByRole("button", { name: "Cancel" }).click();
});
