import { expect, signIn, test, watchForProblems } from "./fixtures.ts";

test("a wrong password is refused in words, the right one opens the console", async ({ page }) => {
  const problems = watchForProblems(page);
  await page.goto("");
  await page.getByLabel("Username").fill("admin");
  await page.getByLabel("Password").fill("certainly wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert").first()).toContainText(/wrong/i);
  await signIn(page);
  await expect(page.getByRole("heading", { name: "Layers" })).toBeVisible();
  expect(problems).toEqual([]);
});

test("a reload keeps the sign-in, signing out ends it", async ({ console: page }) => {
  await page.reload();
  await expect(page.getByTestId("link")).toContainText("Live");
  await page.getByRole("button", { name: "Account and appearance" }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByLabel("Password")).toBeVisible();
  await page.reload();
  await expect(page.getByLabel("Password")).toBeVisible();
});

test("the server sends a strict content security policy", async ({ request }) => {
  const policy = (await request.get("")).headers()["content-security-policy"] ?? "";
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("require-trusted-types-for 'script'");
  expect(policy).not.toContain("unsafe-");
});
