import { expect, test } from "./fixtures.ts";

test("the history draws what was measured, zooms where somebody draws, and is saved as a file", async ({
  system,
  console: page,
}) => {
  await system.goLive();
  await page.getByRole("button", { name: "History" }).click();
  const history = page.getByRole("region", { name: "History" });
  await history.getByRole("button", { name: "15 min" }).click();
  const fps = history.locator('[data-metric="fps"]');
  await expect(fps.getByText(/on average/)).toBeVisible({ timeout: 30_000 });
  const plot = fps.locator(".u-over");
  await expect(plot).toBeVisible();

  // The crosshair is on every chart at once.
  const box = await plot.boundingBox();
  if (!box) throw new Error("the chart has no place");
  const y = box.y + box.height / 2;
  await page.mouse.move(box.x + box.width * 0.9, y);
  const others = history.locator('[data-metric="viewers"] .u-cursor-x');
  await expect(others).toBeVisible();

  await page.mouse.move(box.x + box.width * 0.6, y);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.95, y, { steps: 4 });
  await page.mouse.up();
  await expect(history.getByRole("button", { name: "Zoom out" })).toBeVisible();
  await history.getByRole("button", { name: "Zoom out" }).click();

  const saved = page.waitForEvent("download");
  await history.getByRole("button", { name: "Export" }).click();
  const download = await saved;
  expect(download.suggestedFilename()).toBe("samples.csv");
  const stream = await download.createReadStream();
  let text = "";
  for await (const piece of stream) text += piece;
  expect(text.split("\n")[0]).toBe("time,stream,metric,unit,mean,min,max,sum,count,last");
  expect(text).toContain(",main,fps,frames/s,");
});
