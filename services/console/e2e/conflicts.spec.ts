import type { Browser, Locator, Page, Route } from "@playwright/test";
import { expect, signIn, test, watchForProblems } from "./fixtures.ts";

const NAME = "Two editors";

test.beforeEach(async ({ system }) => {
  await system.goLive();
  await system.deleteLayers(NAME);
});
test.afterEach(({ system }) => system.deleteLayers(NAME));

test("two people who change one field are shown both versions, and one decides", async ({
  console: mine,
  browser,
}) => {
  await addTextLayer(mine);
  await withAnother(browser, async (theirs) => {
    const [row, theirRow] = [await opened(mine), await opened(theirs)];
    const held = await holdNextChange(mine);
    await text(row).fill("What I wrote");
    await held.arrived;
    await text(theirRow).fill("What they wrote");
    await theirRow.getByRole("slider").fill("40");
    // The other's change is here before the own one is answered.
    await expect(row.getByRole("slider")).toHaveValue("40");
    held.release();

    const field = row.getByRole("group", { name: "text", exact: true });
    await expect(field).toContainText("before: “Text”");
    await expect(field).toContainText("Yours: “What I wrote”");
    await expect(field).toContainText("Theirs: “What they wrote”");
    await expect(text(row)).toHaveValue("What I wrote");
    await expect(text(theirRow)).toHaveValue("What they wrote");

    await field.getByRole("button", { name: "Keep my text" }).click();
    await expect(field).toHaveCount(0);
    await expect(text(theirRow)).toHaveValue("What I wrote");
    await expect(theirRow.getByRole("slider")).toHaveValue("40");
  });
});

test("two people who change different fields both keep theirs, and are told", async ({
  console: mine,
  browser,
}) => {
  await addTextLayer(mine);
  await withAnother(browser, async (theirs) => {
    const [row, theirRow] = [await opened(mine), await opened(theirs)];
    const held = await holdNextChange(mine);
    await text(row).fill("What I wrote");
    await held.arrived;
    await theirRow.getByRole("slider").fill("40");
    await expect(row.getByRole("slider")).toHaveValue("40");
    held.release();
    await expect(row).toContainText(/Both changes hold\.\s*Theirs: opacity from 1 to 0\.4\./);
    await expect(text(theirRow)).toHaveValue("What I wrote");
    await expect(theirRow.getByRole("slider")).toHaveValue("40");
  });
});

test("a name that somebody else has changed while it was written is shown before it is replaced", async ({
  console: page,
  system,
}) => {
  await addTextLayer(page);
  const row = await opened(page);
  const name = row.getByLabel("Name", { exact: true });
  await name.fill(`${NAME}, mine`);
  await system.changeLayer(NAME, { name: `${NAME}, theirs` });
  const renamed = page.getByRole("listitem").filter({ hasText: `${NAME}, theirs` });
  await expect(renamed).toBeVisible();
  await name.press("Enter");
  await expect(renamed.getByRole("alert")).toContainText(`“${NAME}, theirs”`);
  await name.press("Escape");
  await expect(name).toHaveValue(`${NAME}, theirs`);
  await name.fill(NAME);
  await name.press("Enter");
  await expect(renamed).toHaveCount(0);
});

async function addTextLayer(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Add layer" }).click();
  await page.getByRole("radio", { name: "Text" }).check({ force: true });
  await page.getByLabel("Name", { exact: true }).fill(NAME);
  await page.getByRole("textbox", { name: "Text", exact: true }).fill("Text");
  await page.getByRole("button", { name: "Add to the front" }).click();
}

/** Another person in a browser of their own. */
async function withAnother(browser: Browser, act: (page: Page) => Promise<void>): Promise<void> {
  const context = await browser.newContext();
  const page = await context.newPage();
  const problems = watchForProblems(page);
  await page.goto("");
  await signIn(page);
  await act(page);
  expect(problems).toEqual([]);
  await context.close();
}

/** The layer's row, with its fields open. */
async function opened(page: Page): Promise<Locator> {
  const row = page.getByRole("listitem").filter({ hasText: NAME });
  await row.getByRole("button", { name: `Edit ${NAME}` }).click();
  return row;
}

const text = (row: Locator) => row.getByRole("textbox", { name: "Text", exact: true });

/** Keeps the page's next change of a layer on its way until it is released. */
async function holdNextChange(page: Page) {
  let tell = () => {};
  let release = () => {};
  const arrived = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  let isHeld = false;
  await page.route("**/api/layers/*", async (route: Route) => {
    if (isHeld || route.request().method() !== "PATCH") return route.fallback();
    isHeld = true;
    tell();
    await released;
    await route.continue();
  });
  return { arrived, release };
}
