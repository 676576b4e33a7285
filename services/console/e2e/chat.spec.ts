import { expect, test } from "./fixtures.ts";

test("a posted message shows once, and after a reload too", async ({ console: page }) => {
  const text = `Hello from the console, ${Date.now()}`;
  await page.getByLabel("Message", { exact: true }).fill(text);
  await page.getByRole("button", { name: "Send" }).click();
  const messages = page.getByRole("list", { name: "Messages" });
  await expect(messages.getByText(text)).toHaveCount(1);
  await expect(page.getByLabel("Message", { exact: true })).toHaveValue("");
  await page.reload();
  await expect(messages.getByText(text)).toHaveCount(1);
});
