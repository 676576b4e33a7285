import type { APIRequestContext, Browser, Page } from "@playwright/test";
import { expect, test, watchForProblems } from "./fixtures.ts";

const messagesOf = (page: Page) => page.getByRole("list", { name: "Messages" });
const alertOf = (page: Page) => page.getByRole("region", { name: "Chat" }).getByRole("alert");
const rowOf = (page: Page, text: string) =>
  messagesOf(page).getByRole("listitem").filter({ hasText: text });

async function send(page: Page, text: string): Promise<void> {
  await page.getByLabel("Message", { exact: true }).fill(text);
  await page.getByRole("button", { name: "Send" }).click();
}

/** A person of their own, who talks over REST as a bot or in a browser. */
class Person {
  readonly name: string;
  private readonly request: APIRequestContext;
  private readonly password: string;
  private token = "";

  constructor(request: APIRequestContext, name: string) {
    this.request = request;
    this.name = name;
    this.password = "a long password, and nobody knows it";
  }

  async exist(admin: string): Promise<void> {
    const created = await this.request.post("api/users", {
      headers: { Authorization: `Bearer ${admin}` },
      data: { username: this.name, password: this.password, role: "viewer" },
    });
    expect(created.ok(), await created.text()).toBe(true);
    this.token = await signedIn(this.request, this.name, this.password);
  }

  async post(text: string): Promise<{ status: number; code?: string; id?: string }> {
    const answer = await this.request.post("api/chat", {
      headers: { Authorization: `Bearer ${this.token}` },
      data: { text },
    });
    return { status: answer.status(), ...(await answer.json()) };
  }

  async browse(browser: Browser): Promise<Page> {
    const page = await (await browser.newContext()).newPage();
    await page.goto("");
    await page.getByLabel("Username").fill(this.name);
    await page.getByLabel("Password").fill(this.password);
    await page.getByRole("button", { name: "Sign in" }).click();
    await expect(page.getByTestId("link")).toContainText("Live");
    return page;
  }
}

async function signedIn(
  request: APIRequestContext,
  username: string,
  password: string,
): Promise<string> {
  const answer = await request.post("api/auth/login", { data: { username, password } });
  expect(answer.ok(), await answer.text()).toBe(true);
  return (await answer.json()).access_token;
}

function admin(request: APIRequestContext): Promise<string> {
  const { CONSOLE_USER = "admin", CONSOLE_PASSWORD = "" } = process.env;
  return signedIn(request, CONSOLE_USER, CONSOLE_PASSWORD);
}

/** Pictures for people, where a folder is named for them. */
async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env.SCREENSHOTS;
  if (folder) await page.screenshot({ path: `${folder}/${name}.png` });
}

test("a posted message shows once, and after a reload too", async ({ console: page }) => {
  const text = `Hello from the console, ${Date.now()}`;
  await send(page, text);
  await expect(messagesOf(page).getByText(text)).toHaveCount(1);
  await expect(page.getByLabel("Message", { exact: true })).toHaveValue("");
  await page.reload();
  await expect(messagesOf(page).getByText(text)).toHaveCount(1);
});

test("two people and a bot talk, and a moderator keeps order", async ({
  console: page,
  browser,
  request,
}) => {
  const unique = Date.now().toString(36);
  const viewer = new Person(request, `viewer-${unique}`);
  const bot = new Person(request, `bot-${unique}`);
  const token = await admin(request);
  await viewer.exist(token);
  await bot.exist(token);
  const other = await viewer.browse(browser);
  const problems = watchForProblems(other);

  const question = `When do we begin? ${unique}`;
  await send(other, question);
  await rowOf(page, question).hover();
  await rowOf(page, question)
    .getByRole("button", { name: `Reply to ${viewer.name}` })
    .click();
  await send(page, `At eight. ${unique}`);
  await expect(rowOf(other, `At eight. ${unique}`)).toContainText(`Answers ${viewer.name}`);

  await rowOf(other, question).getByRole("button", { name: "Edit your message" }).press("Enter");
  await other.getByLabel("Message", { exact: true }).fill(`When do you begin? ${unique}`);
  await other.getByRole("button", { name: "Save" }).click();
  await expect(rowOf(page, `When do you begin? ${unique}`)).toContainText("(edited)");

  await rowOf(page, "At eight.")
    .filter({ hasText: unique })
    .getByRole("button", { name: /^Pin/ })
    .press("Enter");
  await expect(other.getByRole("list", { name: "Pinned messages" })).toContainText(unique);
  await page.getByLabel("Announce to all").check();
  await send(page, `Welcome, everybody! ${unique}`);
  await expect(rowOf(other, `Welcome, everybody! ${unique}`)).toContainText("Announcement");

  const spam = await bot.post(`Buy now ${unique}`);
  expect(spam.status).toBe(201);
  await expect(rowOf(other, `Buy now ${unique}`)).toBeVisible();
  await picture(page, "chat-moderator");
  await rowOf(page, `Buy now ${unique}`)
    .getByRole("button", { name: `Silence ${bot.name}` })
    .press("Enter");
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Reason").fill("advertising");
  await dialog.getByLabel("Delete what they wrote lately").check();
  await picture(page, "chat-silence");
  await dialog.getByRole("button", { name: "Silence" }).click();
  await expect(rowOf(other, `Buy now ${unique}`)).toHaveCount(0);
  expect(await bot.post("Buy more")).toMatchObject({ status: 403, code: "chat.silenced" });

  await page.getByRole("button", { name: "Rules of the chat" }).click();
  await dialog.getByLabel("A message with a link").selectOption("hold");
  await dialog.getByLabel("Banned words and phrases, one a line").fill("badger");
  await picture(page, "chat-rules");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog).toHaveCount(0);
  await send(other, "you b4dger");
  await expect(alertOf(other)).toContainText("may not be written here");
  await send(other, `see evil.example.com ${unique}`);
  await expect(alertOf(other)).toContainText("A moderator reads your message");
  await page.getByRole("button", { name: "1 held" }).click();
  await picture(page, "chat-held");
  await dialog.getByRole("button", { name: /^Post what/ }).click();
  await expect(rowOf(other, `see evil.example.com ${unique}`)).toBeVisible();
  await dialog.getByRole("button", { name: "Close" }).click();

  await page.getByRole("button", { name: "Moderation" }).click();
  await expect(dialog.getByRole("list", { name: "Moderation log" })).toContainText(
    `approved a message of ${viewer.name}`,
  );
  await picture(page, "chat-moderation");
  await dialog.getByRole("button", { name: `Let ${bot.name} write again` }).click();
  await expect(dialog.getByRole("list", { name: "Silenced" })).not.toContainText(bot.name);
  expect((await bot.post(`Sorry ${unique}`)).status).toBe(201);
  await dialog.getByRole("button", { name: "Close" }).click();

  await picture(other, "chat-viewer");
  await page.getByRole("list", { name: "Pinned messages" }).getByRole("button").first().click();
  await page.getByRole("button", { name: "Rules of the chat" }).click();
  await dialog.getByLabel("A message with a link").selectOption("allow");
  await dialog.getByLabel("Banned words and phrases, one a line").fill("");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog).toHaveCount(0);
  expect(problems).toEqual([]);
  await other.context().close();
});

test("somebody without an account watches and chats where guests may come", async ({
  console: page,
  browser,
}) => {
  const guest = await (await browser.newContext()).newPage();
  await guest.goto("");
  await guest.getByRole("button", { name: "Watch and chat as a guest" }).click();
  await expect(guest.getByRole("alert")).toBeVisible();

  const dialog = page.getByRole("dialog");
  await page.getByRole("button", { name: "Rules of the chat" }).click();
  await dialog.getByLabel("People without an account may write").check();
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog).toHaveCount(0);

  await guest.goto("#guest");
  await guest.reload();
  await expect(guest.getByTestId("guest")).toContainText("You are");
  await expect(guest.getByTestId("link")).toContainText("Live");
  const text = `A guest says hello, ${Date.now()}`;
  await send(guest, text);
  await expect(rowOf(page, text).locator(".chat__role")).toHaveText("guest");
  await expect(rowOf(guest, text).getByRole("button", { name: /^Pin/ })).toHaveCount(0);
  await expect(guest.getByRole("button", { name: "Rules of the chat" })).toHaveCount(0);
  await picture(guest, "chat-guest");
  const name = await guest.getByTestId("guest").textContent();
  await guest.reload();
  await expect(guest.getByTestId("guest")).toHaveText(name ?? "");

  await page.getByRole("button", { name: "Rules of the chat" }).click();
  await dialog.getByLabel("People without an account may write").uncheck();
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog).toHaveCount(0);
  await guest.context().close();
});
