import { readFile } from "node:fs/promises";
import { type APIRequestContext, test as base, expect, type Page } from "@playwright/test";

const user = process.env.CONSOLE_USER ?? "admin";
const password = process.env.CONSOLE_PASSWORD;
if (!password) throw new Error("CONSOLE_PASSWORD is not set; see README.md");

/** The system behind the page, for setting a scene and for cleaning up. */
export class System {
  private readonly request: APIRequestContext;
  private readonly headers: Record<string, string>;

  constructor(request: APIRequestContext, token: string) {
    this.request = request;
    this.headers = { Authorization: `Bearer ${token}` };
  }

  async status(): Promise<string> {
    const state = await this.request.get("api/stream/state", { headers: this.headers });
    expect(state.ok(), await state.text()).toBe(true);
    return (await state.json()).status;
  }

  async control(action: string): Promise<void> {
    const answer = await this.request.post("api/stream/control", {
      headers: { ...this.headers, Prefer: "wait=10" },
      data: { action },
    });
    expect(answer.ok(), await answer.text()).toBe(true);
  }

  async goOffline(): Promise<void> {
    if ((await this.status()) !== "offline") await this.control("stop");
    await expect.poll(() => this.status(), { timeout: 30_000 }).toBe("offline");
  }

  async goLive(): Promise<void> {
    const status = await this.status();
    if (status === "paused") await this.control("resume");
    else if (status === "offline" || status === "failed") await this.control("start");
    await expect.poll(() => this.status(), { timeout: 30_000 }).toBe("live");
  }

  /** Kills the media worker, as the out-of-memory killer would. */
  async killWorker(): Promise<void> {
    const pid = await readFile(`${process.env.STACK_DATA}/run/media-worker-main.pid`, "utf8");
    process.kill(Number(pid), "SIGKILL");
  }

  /** Deletes every layer of this name. */
  async deleteLayers(name: string): Promise<void> {
    const { layers } = await (
      await this.request.get("api/layers", { headers: this.headers })
    ).json();
    for (const layer of layers) {
      if (layer.name !== name) continue;
      const headers = { ...this.headers, "If-Match": `"${layer.revision}"` };
      await this.request.delete(`api/layers/${layer.id}`, { headers });
    }
  }

  /** Discards the draft of every scene. */
  async discardDrafts(): Promise<void> {
    const { scenes } = await (
      await this.request.get("api/scenes", { headers: this.headers })
    ).json();
    for (const { id, draft } of scenes) {
      if (!draft) continue;
      const read = await this.request.get(`api/scenes/${id}/draft`, { headers: this.headers });
      const headers = { ...this.headers, "If-Match": read.headers().etag ?? "" };
      const gone = await this.request.delete(`api/scenes/${id}/draft`, { headers });
      expect(gone.ok(), await gone.text()).toBe(true);
    }
  }

  /** Changes a layer as somebody else would. */
  async changeLayer(name: string, patch: unknown): Promise<void> {
    const { layers } = await (
      await this.request.get("api/layers", { headers: this.headers })
    ).json();
    const layer = layers.find((other: { name: string }) => other.name === name);
    const headers = { ...this.headers, "If-Match": `"${layer.revision}"` };
    const answer = await this.request.patch(`api/layers/${layer.id}`, { headers, data: patch });
    expect(answer.ok(), await answer.text()).toBe(true);
  }
}

interface Fixtures {
  readonly system: System;
  /** The console, signed in. Fails the test when the page logged an error or broke its policy. */
  readonly console: Page;
}

export const test = base.extend<Fixtures>({
  // What a page says and misses is beside the picture of a failed test.
  page: async ({ page }, use, info) => {
    const diary: string[] = [];
    page.on("pageerror", (error) => diary.push(`error: ${error.message}`));
    page.on("console", (message) => diary.push(`${message.type()}: ${message.text()}`));
    page.on("requestfailed", (request) =>
      diary.push(`no answer: ${request.url()} ${request.failure()?.errorText}`),
    );
    await use(page);
    if (info.status !== info.expectedStatus) console.log(diary.join("\n"));
  },
  system: async ({ request }, use) => {
    const answer = await request.post("api/auth/login", { data: { username: user, password } });
    expect(answer.ok(), await answer.text()).toBe(true);
    await use(new System(request, (await answer.json()).access_token));
  },
  console: async ({ page }, use) => {
    const problems = watchForProblems(page);
    await page.goto("");
    await signIn(page);
    await use(page);
    expect(problems).toEqual([]);
  },
});

export { expect };

export async function signIn(page: Page): Promise<void> {
  await page.getByLabel("Username").fill(user);
  await page.getByLabel("Password").fill(password ?? "");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByTestId("link")).toContainText("Live");
}

/** Script errors and broken content security policy. Refused requests are the tests' own business. */
export function watchForProblems(page: Page): string[] {
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    const text = message.text();
    if (/content security policy|trusted type/i.test(text)) problems.push(text);
  });
  return problems;
}

export const pill = (page: Page) => page.getByTestId("status");

/** Waits until the video has moved on by a second. */
export async function expectPlaying(page: Page): Promise<void> {
  const time = () => page.locator("video").evaluate((video: HTMLVideoElement) => video.currentTime);
  await expect.poll(time, { timeout: 30_000 }).toBeGreaterThan(0);
  const before = await time();
  await expect.poll(time, { timeout: 30_000 }).toBeGreaterThan(before + 1);
}

/** The colour in the middle of the picture, as viewers get it. */
export function middleOfPicture(page: Page): Promise<[number, number, number]> {
  return page.locator("video").evaluate((video: HTMLVideoElement) => {
    const canvas = document.createElement("canvas");
    canvas.width = 16;
    canvas.height = 9;
    const context = canvas.getContext("2d");
    if (!context) throw new Error("no canvas");
    context.drawImage(video, 0, 0, 16, 9);
    const [red = 0, green = 0, blue = 0] = context.getImageData(8, 4, 1, 1).data;
    return [red, green, blue];
  });
}

/** How far apart two colours are, by their most different channel. */
export function distance(a: readonly number[], b: readonly number[]): number {
  return Math.max(...a.map((value, index) => Math.abs(value - (b[index] ?? 0))));
}
