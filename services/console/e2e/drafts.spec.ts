import { distance, expect, expectPlaying, middleOfPicture, test } from "./fixtures.ts";

const NAME = "End-to-end draft";
const BEFORE = [0x20, 0x90, 0xd0];
const AFTER = [0xd0, 0x20, 0x90];
const TOLERANCE = 24;

test.beforeEach(async ({ system }) => {
  await system.discardDrafts();
  await system.deleteLayers(NAME);
  await system.goLive();
});
test.afterEach(async ({ system }) => {
  await system.discardDrafts();
  await system.deleteLayers(NAME);
});

test("a draft changes nothing on air until it is applied, and is taken back as one", async ({
  console: page,
}) => {
  await expectPlaying(page);
  const from = (color: readonly number[]) => async () =>
    distance(await middleOfPicture(page), color);
  await page.getByRole("button", { name: "Add layer" }).click();
  await page.getByRole("radio", { name: "Color" }).check({ force: true });
  await page.getByLabel("Name", { exact: true }).fill(NAME);
  await page.getByLabel("Color", { exact: true }).last().fill("#2090d0");
  await page.getByRole("button", { name: "Add to the front" }).click();
  await expect.poll(from(BEFORE), { timeout: 30_000 }).toBeLessThan(TOLERANCE);

  await page.getByRole("button", { name: "Edit as draft" }).click();
  const mark = page.getByText("Draft", { exact: true }).first();
  await expect(mark).toBeVisible();
  await expect(page.getByText(/Nobody sees it until it is applied/)).toBeVisible();
  const row = page.getByRole("listitem").filter({ hasText: NAME });
  await row.getByRole("button", { name: `Edit ${NAME}` }).click();
  await row.getByLabel("Color", { exact: true }).fill("#d02090");
  await page.screenshot({ path: test.info().outputPath("draft.png"), fullPage: true });
  await page.getByRole("button", { name: "Back to the scene" }).click();
  await expect(page.getByText(/has begun a draft of/)).toBeVisible();
  await row.getByRole("button", { name: `Edit ${NAME}` }).click();
  await expect(row.getByLabel("Color", { exact: true })).toHaveValue("#2090d0");
  await page.getByRole("button", { name: "Open the draft" }).click();
  await expect(page.getByText(/Nobody sees it until it is applied/)).toBeVisible();

  await page.getByRole("button", { name: "Apply", exact: true }).click();
  await expect(page.getByText("Every change is made live.")).toBeVisible();
  await expect.poll(from(AFTER), { timeout: 30_000 }).toBeLessThan(TOLERANCE);
  await page.getByRole("button", { name: "Undo apply draft" }).click();
  await expect.poll(from(BEFORE), { timeout: 30_000 }).toBeLessThan(TOLERANCE);
});
