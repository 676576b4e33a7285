import type { Page } from "@playwright/test";
import { distance, expect, expectPlaying, middleOfPicture, test } from "./fixtures.ts";

const NAME = "End-to-end plate";
/** Two encoders and a chroma subsampling lie between the field and the screen. */
const TOLERANCE = 24;

test.beforeEach(async ({ system }) => {
  await system.deleteLayers(NAME);
  await system.goLive();
});
test.afterEach(({ system }) => system.deleteLayers(NAME));

test("a layer is added, changed, hidden and deleted, and the picture follows", async ({
  console: page,
}) => {
  await expectPlaying(page);
  await page.getByRole("button", { name: "Add layer" }).click();
  await page.getByRole("radio", { name: "Color" }).check({ force: true });
  await page.getByLabel("Name", { exact: true }).fill(NAME);
  await page.getByLabel("Color", { exact: true }).last().fill("#d02090");
  await page.getByRole("button", { name: "Add to the front" }).click();
  const row = page.getByRole("listitem").filter({ hasText: NAME });
  await expect(row).toBeVisible();
  await expect(
    page
      .getByRole("list", { name: /^Layers/ })
      .getByRole("listitem")
      .first(),
  ).toContainText(NAME);
  const from = (color: readonly number[]) => async () =>
    distance(await middleOfPicture(page), color);
  await expect.poll(from([0xd0, 0x20, 0x90]), { timeout: 30_000 }).toBeLessThan(TOLERANCE);

  await row.getByRole("button", { name: `Edit ${NAME}` }).click();
  await row.getByLabel("Color", { exact: true }).fill("#20a040");
  await expect.poll(from([0x20, 0xa0, 0x40]), { timeout: 30_000 }).toBeLessThan(TOLERANCE);

  await row.getByRole("button", { name: `Hide ${NAME}` }).click();
  await expect.poll(from([0x20, 0xa0, 0x40]), { timeout: 30_000 }).toBeGreaterThan(TOLERANCE);
  const toAir = page.locator('[data-metric="to-air"] [data-part="value"]');
  await expect(toAir).toHaveText(/\d/);

  await row.getByRole("button", { name: "Delete" }).click();
  await expect(page.getByRole("dialog")).toContainText(NAME);
  await expect(page.getByRole("button", { name: "Keep it" })).toBeFocused();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await expect(row).toHaveCount(0);
});

test("an uploaded picture becomes a layer", async ({ console: page }) => {
  await expectPlaying(page);
  await page.getByRole("button", { name: "Add layer" }).click();
  await page.getByRole("radio", { name: "Image" }).check({ force: true });
  await page.getByLabel("Name", { exact: true }).fill(NAME);
  await page.getByLabel("PNG, JPEG, WebP, GIF or SVG").setInputFiles({
    name: "plain.png",
    mimeType: "image/png",
    buffer: await plainPng(page, "#30a0e0"),
  });
  await page.getByRole("button", { name: "Add to the front" }).click();
  await expect(page.getByRole("listitem").filter({ hasText: NAME })).toBeVisible();
  const color = async () => distance(await middleOfPicture(page), [0x30, 0xa0, 0xe0]);
  await expect.poll(color, { timeout: 30_000 }).toBeLessThan(TOLERANCE);
});

test("a playlist is filled, goes on when told, and loses a file", async ({ console: page }) => {
  await expectPlaying(page);
  const png = async (name: string, color: string) => ({
    name,
    mimeType: "image/png",
    buffer: await plainPng(page, color),
  });
  const seen = (color: readonly number[]) =>
    expect
      .poll(async () => distance(await middleOfPicture(page), color), { timeout: 30_000 })
      .toBeLessThan(TOLERANCE);
  await page.getByRole("button", { name: "Add layer" }).click();
  await page.getByRole("radio", { name: "Playlist" }).check({ force: true });
  await page.getByLabel("Name", { exact: true }).fill(NAME);
  await page.getByLabel(/^The first picture/).setInputFiles(await png("first.png", "#c06010"));
  await page.getByRole("button", { name: "Add to the front" }).click();
  await seen([0xc0, 0x60, 0x10]);

  const row = page
    .getByRole("list", { name: /^Layers/ })
    .getByRole("listitem")
    .filter({ hasText: NAME });
  await row.getByRole("button", { name: `Edit ${NAME}` }).click();
  await row.getByLabel("Upload and add a file").setInputFiles(await png("second.png", "#1060c0"));
  const files = row.getByRole("list", { name: `Files of ${NAME}` }).getByRole("listitem");
  await expect(files).toHaveText([/first\.png/, /second\.png/]);
  await row.getByRole("button", { name: `Pause ${NAME}` }).click();
  await row.getByRole("button", { name: `Next of ${NAME}` }).click();
  await seen([0x10, 0x60, 0xc0]);
  await row.getByRole("button", { name: "Take second.png out of the list" }).click();
  await expect(files).toHaveText([/first\.png/]);
  await seen([0xc0, 0x60, 0x10]);
});

test("order, opacity and lock are kept, by buttons and keys", async ({ console: page }) => {
  await addColorLayer(page);
  const rows = page.getByRole("list", { name: /^Layers/ }).getByRole("listitem");
  const row = rows.filter({ hasText: NAME });
  await row.getByRole("button", { name: `Move ${NAME} down` }).click();
  await expect(rows.nth(1)).toContainText(NAME);
  await row.getByRole("button", { name: `Reorder ${NAME}` }).press("ArrowUp");
  await expect(rows.nth(0)).toContainText(NAME);

  const opacity = row.getByRole("slider");
  await opacity.fill("40");
  await row.getByRole("button", { name: `Lock ${NAME}` }).click();
  await expect(opacity).toBeDisabled();
  await page.reload();
  await expect(rows.nth(0)).toContainText(NAME);
  await expect(opacity).toHaveValue("40");
  await expect(opacity).toBeDisabled();
  await row.getByRole("button", { name: `Unlock ${NAME}` }).click();
  await expect(opacity).toBeEnabled();
});

test("dragging a row's handle moves it", async ({ console: page }) => {
  await addColorLayer(page);
  const rows = page.getByRole("list", { name: /^Layers/ }).getByRole("listitem");
  const handle = await page.getByRole("button", { name: `Reorder ${NAME}` }).boundingBox();
  const second = await rows.nth(1).boundingBox();
  if (!handle || !second) throw new Error("there are no two rows to reorder");
  await page.mouse.move(handle.x + handle.width / 2, handle.y + handle.height / 2);
  await page.mouse.down();
  await page.mouse.move(handle.x, second.y + second.height - 4, { steps: 8 });
  await page.mouse.up();
  await expect(rows.nth(1)).toContainText(NAME);
});

test("another person's change shows without a reload", async ({ system, console: page }) => {
  await addColorLayer(page);
  await system.changeLayer(NAME, { opacity: 0.25 });
  const row = page.getByRole("listitem").filter({ hasText: NAME });
  await expect(row.getByRole("slider")).toHaveValue("25");
});

async function addColorLayer(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Add layer" }).click();
  await page.getByRole("radio", { name: "Color" }).check({ force: true });
  await page.getByLabel("Name", { exact: true }).fill(NAME);
  await page.getByRole("button", { name: "Add to the front" }).click();
  await expect(page.getByRole("listitem").filter({ hasText: NAME })).toBeVisible();
}

/** A picture of one colour, drawn by the browser. */
async function plainPng(page: Page, color: string): Promise<Buffer> {
  const url = await page.evaluate((fill) => {
    const canvas = document.createElement("canvas");
    canvas.width = 640;
    canvas.height = 360;
    const context = canvas.getContext("2d");
    if (!context) throw new Error("no canvas");
    context.fillStyle = fill;
    context.fillRect(0, 0, 640, 360);
    return canvas.toDataURL("image/png");
  }, color);
  return Buffer.from(url.split(",")[1] ?? "", "base64");
}

test("undo and redo take changes back and make them again, by button and by key", async ({
  console: page,
  system,
}) => {
  await page.getByRole("button", { name: "Add layer" }).click();
  await page.getByRole("radio", { name: "Color" }).check({ force: true });
  await page.getByLabel("Name", { exact: true }).fill(NAME);
  await page.getByRole("button", { name: "Add to the front" }).click();
  const row = page.getByRole("listitem").filter({ hasText: NAME });
  await expect(row).toBeVisible();
  await row.getByRole("button", { name: `Hide ${NAME}` }).click();
  const undo = page.getByRole("button", { name: /^(Undo|Nothing to undo)/ });
  const redo = page.getByRole("button", { name: /^(Redo|Nothing to redo)/ });
  await expect(undo).toHaveAccessibleName(`Undo hide ${NAME}`);

  await undo.click();
  await expect(row.getByRole("button", { name: `Hide ${NAME}` })).toBeVisible();
  await expect(redo).toHaveAccessibleName(`Redo hide ${NAME}`);
  await page.keyboard.press("Control+Shift+Z");
  await expect(row.getByRole("button", { name: `Show ${NAME}` })).toBeVisible();
  await page.keyboard.press("Control+Z");
  await expect(row.getByRole("button", { name: `Hide ${NAME}` })).toBeVisible();

  await expect(undo).toHaveAccessibleName(`Undo create ${NAME}`);
  await undo.click();
  await expect(row).toHaveCount(0);
  await redo.click();
  await expect(row).toBeVisible();
  // The same person elsewhere: the page hears of it, and names the step.
  await system.changeLayer(NAME, { opacity: 0.5 });
  await expect(undo).toHaveAccessibleName(`Undo change ${NAME}`);
});
