import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";
import type { Session } from "../../api/session.ts";
import type { ImportedScene } from "../../api/types.ts";
import type { Runtime } from "../../runtime.ts";
import { RuntimeContext } from "../../runtime-context.ts";
import { broughtIn, ImportScene, saveScene } from "./scene-file.tsx";

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

function imported(needs_secrets: string[]): ImportedScene {
  const layer = (id: string, name: string) => ({ id, name });
  const layers = [layer("a", "Logo"), layer("b", "Camera")];
  return { scene: { name: "News", layers }, needs_secrets } as unknown as ImportedScene;
}

/** A request that tells its progress, and is answered when it is told to. */
class FakeRequest {
  static last: FakeRequest;
  readonly upload: { onprogress?: (event: { loaded: number; total: number }) => void } = {};
  readonly headers: Record<string, string> = {};
  status = 0;
  responseText = "";
  address = "";
  body: unknown = null;
  onload?: () => void;

  constructor() {
    FakeRequest.last = this;
  }
  open(_method: string, address: URL) {
    this.address = `${address.pathname}${address.search}`;
  }
  setRequestHeader(name: string, value: string) {
    this.headers[name] = value;
  }
  getResponseHeader() {
    return null;
  }
  abort() {}
  send(body: unknown) {
    this.body = body;
  }
  answer(status: number, body: unknown) {
    this.status = status;
    this.responseText = JSON.stringify(body);
    this.onload?.();
  }
}

function page() {
  vi.stubGlobal("XMLHttpRequest", FakeRequest);
  const load = vi.fn(async () => true);
  const runtime = {
    session: { accessToken: () => "token", renew: async () => false },
    scenes: { load },
    stream: "main",
  };
  render(
    <RuntimeContext value={runtime as unknown as Runtime}>
      <ImportScene blocked={null} />
    </RuntimeContext>,
  );
  const choose = () => {
    const file = new File(["zip"], "news.scene.zip");
    fireEvent.change(screen.getByLabelText("Scene file"), { target: { files: [file] } });
  };
  return { load, choose };
}

it("says what came, and whose passwords are to be set again", () => {
  expect(broughtIn(imported([]))).toBe("“News” was brought in with 2 layers.");
  expect(broughtIn(imported(["b"]))).toContain("set them again of “Camera”");
});

it("sends a file as it is, and shows how far it has got and what came", async () => {
  const { load, choose } = page();
  choose();
  const request = FakeRequest.last;
  expect(request.address).toBe("/api/scenes/import?stream=main");
  expect(request.headers["Content-Type"]).toBe("application/zip");
  request.upload.onprogress?.({ loaded: 1, total: 4 });
  expect(await screen.findByText("Importing: 25 %")).toBeTruthy();
  request.answer(201, imported([]));
  expect(await screen.findByText(/was brought in with 2 layers/)).toBeTruthy();
  await waitFor(() => expect(load).toHaveBeenCalled());
});

it("says why a file is not taken", async () => {
  const { load, choose } = page();
  choose();
  FakeRequest.last.answer(422, { title: "No scene", detail: "no scene.json", code: "x" });
  expect(await screen.findByText("No scene: no scene.json.")).toBeTruthy();
  expect(load).not.toHaveBeenCalled();
});

it("saves a scene by a cookie", async () => {
  const clicked: string[] = [];
  const click = vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (
    this: HTMLAnchorElement,
  ) {
    const { pathname, search } = new URL(this.href);
    clicked.push(`${pathname}${search} ${this.download}`);
  });
  const proveByCookie = vi.fn(async () => true);
  const session = { proveByCookie } as unknown as Session;
  const scene = { id: "one", name: "News" };
  expect(await saveScene(session, scene, "main")).toBe(true);
  expect(clicked).toEqual(["/api/scenes/one/export?stream=main News.scene.zip"]);
  proveByCookie.mockResolvedValueOnce(false);
  expect(await saveScene(session, scene, "main")).toBe(false);
  expect(clicked).toHaveLength(1);
  click.mockRestore();
});
