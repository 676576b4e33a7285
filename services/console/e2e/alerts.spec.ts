import { expect, test } from "./fixtures.ts";

test("a rule is tried and saved, fires on the real stream, and is silenced", async ({
  console: page,
  system,
}) => {
  await system.goLive();
  const panel = page.getByRole("region", { name: "Alerts" });
  await panel.getByRole("button", { name: "Alert rules" }).click();
  await page.getByRole("button", { name: "New rule" }).click();
  await page.getByLabel("Name", { exact: true }).fill("Frames are sent");
  await page.getByLabel("Metric").selectOption("fps");
  await page.getByLabel("Wrong when").selectOption("above");
  await page.getByLabel("Bound").fill("1");
  await page.getByLabel("Fires after, s").fill("0");
  await page.getByLabel("What to do").fill("Nothing, it is a test.");
  // As soon as enough of the stream has been measured.
  await expect(async () => {
    await page.getByRole("button", { name: /^Try it/ }).click();
    await expect(page.getByText(/^It would have fired/)).toBeVisible({ timeout: 2_000 });
  }).toPass();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("button", { name: "Close" }).click();
  const row = panel.getByRole("listitem").filter({ hasText: "Nothing, it is a test." });
  await expect(row).toContainText("fps is", { timeout: 30_000 });
  await row.getByRole("button", { name: "Silence Frames are sent" }).click();
  await page.getByLabel("Why").fill("It is a test.");
  await page.getByRole("button", { name: "Silence", exact: true }).click();
  await expect(row).toContainText("silenced");
  if (process.env.SCREENSHOTS) {
    await page.screenshot({ path: `${process.env.SCREENSHOTS}/alerts.png`, fullPage: true });
  }
  await panel.getByRole("button", { name: "End" }).click();
  await panel.getByRole("button", { name: "Alert rules" }).click();
  if (process.env.SCREENSHOTS) {
    await page.screenshot({ path: `${process.env.SCREENSHOTS}/rules.png` });
  }
  await page.getByRole("button", { name: "Delete Frames are sent" }).click();
  await page.getByRole("button", { name: "Close" }).click();
  await expect(row).toHaveCount(0);
});

test("a killed worker is an incident that says so, and is over by itself", async ({
  console: page,
  system,
}) => {
  await system.goLive();
  await system.killWorker();
  const panel = page.getByRole("region", { name: "Alerts" });
  await panel.getByText(/^Incidents/).click();
  // It joins what was wrong just before, where there is that.
  const incident = panel.getByRole("list", { name: "Incidents" }).getByRole("button").first();
  await expect(incident).toBeVisible({ timeout: 30_000 });
  await incident.click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByLabel("Causes").getByRole("listitem").first()).toContainText("engine");
  const timeline = dialog.getByLabel("Timeline");
  await expect(timeline).toContainText("killed by signal 9", { timeout: 30_000 });
  await expect(timeline).toContainText("cleared", { timeout: 60_000 });
  if (process.env.SCREENSHOTS) {
    await page.screenshot({ path: `${process.env.SCREENSHOTS}/incident.png` });
  }
});
