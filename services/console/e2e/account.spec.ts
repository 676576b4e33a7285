import { createHmac } from "node:crypto";
import type { APIRequestContext, Page } from "@playwright/test";
import { expect, test, watchForProblems } from "./fixtures.ts";

const PASSWORD = "a password of this test";

/** The code of an authenticator app (RFC 6238), so many half minutes from now. */
function codeOf(secret: string, steps: number): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret].map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, "0"));
  const bytes = bits.join("").match(/.{8}/g) ?? [];
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const key = Buffer.from(bytes.map((byte) => Number.parseInt(byte, 2)));
  const digest = createHmac("sha1", key).update(counter).digest();
  const offset = (digest.at(-1) ?? 0) & 15;
  const number = digest.readUInt32BE(offset) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}

/** A new operator of this test alone. */
async function createPerson(request: APIRequestContext, name: string): Promise<void> {
  const login = await request.post("api/auth/login", {
    data: { username: process.env.CONSOLE_USER, password: process.env.CONSOLE_PASSWORD },
  });
  const { access_token } = await login.json();
  const created = await request.post("api/users", {
    headers: { Authorization: `Bearer ${access_token}` },
    data: { username: name, password: PASSWORD, role: "operator" },
  });
  expect(created.status()).toBe(201);
}

async function givePassword(page: Page, name: string): Promise<void> {
  await page.getByLabel("Username").fill(name);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
}

async function openAccount(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Account and appearance" }).click();
  await page.getByRole("button", { name: "Your account" }).click();
}

test("an authenticator app is set up, and asked for at the next sign-in", async ({
  page,
  request,
}, testInfo) => {
  const problems = watchForProblems(page);
  const name = `totp-${Date.now()}`;
  await createPerson(request, name);
  await page.goto("");
  await givePassword(page, name);
  await expect(page.getByTestId("link")).toContainText("Live");

  await openAccount(page);
  const account = page.getByRole("dialog", { name: "Your account" });
  await expect(account.getByText("This one")).toBeVisible();
  await account.getByRole("button", { name: "Set up an authenticator app" }).click();
  await account.getByLabel("Your password").fill(PASSWORD);
  await account.getByRole("button", { name: "Set up an authenticator app" }).click();
  const picture = account.getByAltText("QR code for an authenticator app");
  await expect(picture).toBeVisible();
  expect(await picture.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(
    0,
  );
  await page.screenshot({ path: testInfo.outputPath("enrolling.png") });
  const secret = (await account.getByTestId("totp-secret").innerText()).replaceAll(" ", "");
  await account.getByLabel("Code that the app shows").fill(codeOf(secret, 0));
  await account.getByRole("button", { name: "Turn on" }).click();
  const codes = page.getByRole("list", { name: "Recovery codes" }).getByRole("listitem");
  await expect(codes).toHaveCount(10);
  const recovery = (await codes.allInnerTexts())[0] ?? "";
  await page.getByRole("button", { name: "I have kept them" }).click();
  await expect(account.getByText("10 recovery codes are left")).toBeVisible();
  await account.getByRole("button", { name: "Close" }).click();

  const signOut = async () => {
    await page.getByRole("button", { name: "Account and appearance" }).click();
    await page.getByRole("button", { name: "Sign out" }).click();
  };
  await signOut();
  await givePassword(page, name);
  const code = page.getByLabel("Code of your authenticator app");
  await expect(code).toBeFocused();
  await code.fill("000000");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toContainText("The code is wrong");
  await page.screenshot({ path: testInfo.outputPath("second-step.png") });
  // The code of before is used up; the next one is taken a little early.
  await code.fill(codeOf(secret, 1));
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByTestId("link")).toContainText("Live");

  await signOut();
  await givePassword(page, name);
  await page.getByLabel("Code of your authenticator app").fill(recovery);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByTestId("link")).toContainText("Live");
  expect(problems).toEqual([]);
});

test("a sign-in that is ended from another place asks to sign in again", async ({
  page,
  browser,
  request,
}) => {
  const name = `devices-${Date.now()}`;
  await createPerson(request, name);
  await page.goto("");
  await givePassword(page, name);
  await expect(page.getByTestId("link")).toContainText("Live");
  const elsewhere = await (await browser.newContext()).newPage();
  await elsewhere.goto(new URL(page.url()).href);
  await givePassword(elsewhere, name);
  await expect(elsewhere.getByTestId("link")).toContainText("Live");

  await openAccount(page);
  await expect(page.getByRole("list", { name: "Sign-ins" }).getByRole("listitem")).toHaveCount(2);
  await page.getByRole("button", { name: "Sign out everywhere else" }).click();
  await expect(page.getByRole("list", { name: "Sign-ins" }).getByRole("listitem")).toHaveCount(1);
  await expect(elsewhere.getByRole("dialog", { name: "Sign in again" })).toBeVisible();
  await elsewhere.close();
});
