import { expect, expectPlaying, pill, test } from "./fixtures.ts";

test("going live from the page puts a playing picture on it", async ({ system, console: page }) => {
  await system.goOffline();
  await expect(pill(page)).toHaveText("Offline");
  await page.getByRole("button", { name: "Go live" }).click();
  await expect(pill(page)).toHaveText("Live", { timeout: 30_000 });
  await expectPlaying(page);
  await expect(page.getByText(/^Picture \d+\.\d s old$/)).toBeVisible();
  const rate = page.locator('[data-metric="fps"] [data-part="value"]');
  await expect.poll(async () => Number(await rate.textContent())).toBeGreaterThan(25);
});

test("a double click on Go live does not end what it started", async ({
  system,
  console: page,
}) => {
  await system.goOffline();
  await page.getByRole("button", { name: "Go live" }).dblclick();
  await expect(pill(page)).toHaveText("Live", { timeout: 30_000 });
});

test("the preview goes on after the worker was replaced, without a reload", async ({
  system,
  console: page,
}) => {
  await system.goLive();
  await expectPlaying(page);
  await system.control("restart");
  await expect.poll(() => system.status(), { timeout: 30_000 }).toBe("live");
  await expectPlaying(page);
});

test("pause puts a slate on air and resume takes it off", async ({ system, console: page }) => {
  await system.goLive();
  await page.getByRole("button", { name: "Pause" }).click();
  await expect(pill(page)).toHaveText("Paused");
  await page.getByRole("button", { name: "Resume" }).click();
  await expect(pill(page)).toHaveText("Live");
});

test.describe("ending", () => {
  test.beforeEach(({ system }) => system.goLive());

  test("a tap does nothing but say so", async ({ system, console: page }) => {
    await page.getByRole("button", { name: "Hold to end" }).click();
    await expect(page.getByText("Keep it pressed")).toBeVisible();
    expect(await system.status()).toBe("live");
  });

  test("Space asks, and Space again keeps streaming", async ({ system, console: page }) => {
    const end = page.getByRole("button", { name: "Hold to end" });
    await end.focus();
    await page.keyboard.press("Space");
    await expect(page.getByRole("button", { name: "Keep streaming" })).toBeFocused();
    await page.keyboard.press("Space");
    await expect(page.getByRole("dialog")).toBeHidden();
    await expect(end).toBeFocused();
    expect(await system.status()).toBe("live");
  });

  test("holding it ends the stream, and the focus is not on Go live", async ({ console: page }) => {
    const end = await page.getByRole("button", { name: "Hold to end" }).boundingBox();
    if (!end) throw new Error("the button is not on the page");
    await page.mouse.move(end.x + end.width / 2, end.y + end.height / 2);
    await page.mouse.down();
    await expect(page.getByText("Keep holding…")).toBeVisible();
    await expect(pill(page)).toHaveText(/Stopping|Offline/);
    await page.mouse.up();
    await expect(pill(page)).toHaveText("Offline");
    await expect(page.getByRole("button", { name: "Go live" })).not.toBeFocused();
  });
});

test("from the keyboard Go live asks first", async ({ system, console: page }) => {
  await system.goOffline();
  await page.getByRole("button", { name: "Go live" }).focus();
  await page.keyboard.press("Space");
  await expect(page.getByRole("button", { name: "Not yet" })).toBeFocused();
  await page.keyboard.press("Space");
  await expect(page.getByRole("dialog")).toBeHidden();
  expect(await system.status()).toBe("offline");
});
