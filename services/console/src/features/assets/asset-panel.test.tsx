import { cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import createClient from "openapi-fetch";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { paths } from "../../api/types.gen.ts";
import type { Role, UsedAsset } from "../../api/types.ts";
import { Observable } from "../../observable.ts";
import type { Runtime } from "../../runtime.ts";
import { RuntimeContext } from "../../runtime-context.ts";
import { AssetPanel } from "./asset-panel.tsx";
import { assetOf, sceneUse } from "./samples.ts";
import { AssetStore } from "./store.ts";

beforeEach(() => {
  HTMLDialogElement.prototype.showModal = vi.fn();
  HTMLDialogElement.prototype.close = vi.fn();
  URL.createObjectURL = vi.fn(() => "blob:picture");
  URL.revokeObjectURL = vi.fn();
});
afterEach(cleanup);

const LOGO = assetOf({
  width: 64,
  height: 36,
  thumbnail: "image/png",
  uses: [sceneUse("Intro", true)],
});
const SONG = assetOf({
  id: "cd".repeat(32),
  name: "song.mp3",
  kind: "audio",
  bytes: 2_000_000,
  duration_ms: 62_000,
});

function scene(assets: UsedAsset[], role: Role = "operator") {
  const asked: string[] = [];
  const refusals: Response[] = [];
  const fetch = async ({ method, url }: Request): Promise<Response> => {
    asked.push(`${method} ${new URL(url).pathname}`);
    if (method === "DELETE") return refusals.shift() ?? new Response(null, { status: 204 });
    if (url.endsWith("/thumbnail")) return new Response("picture");
    return Response.json(assets);
  };
  const runtime = {
    assets: new AssetStore(createClient<paths>({ baseUrl: "http://server.test", fetch })),
    layers: { scene: new Observable(null) },
    session: { state: new Observable({ kind: "signed-in", identity: { role } }), fetch },
    connection: { state: new Observable({ kind: "live", hearsEvents: true }) },
    poller: { state: new Observable("off") },
  };
  render(
    <RuntimeContext value={runtime as unknown as Runtime}>
      <AssetPanel />
    </RuntimeContext>,
  );
  return { asked, refusals };
}

it("shows each file with its picture, what it is and where it is used", async () => {
  const { asked } = scene([LOGO, SONG]);
  const [logo, song] = await screen.findAllByRole("listitem");
  expect(logo?.textContent).toContain("64×36 · 1.0 kB");
  expect(logo?.textContent).toContain("On air in Intro");
  await waitFor(() => expect(logo?.querySelector("img")?.src).toBe("blob:picture"));
  expect(song?.textContent).toContain("1:02 · 2.0 MB");
  expect(song?.textContent).toContain("Not used");
  expect(song?.querySelector("img")).toBeNull();
  expect(asked.filter((one) => one.endsWith("/thumbnail"))).toEqual([
    `GET /api/assets/${LOGO.id}/thumbnail`,
  ]);
});

it("deletes what nobody uses, after it was asked, and says why not", async () => {
  const { asked, refusals } = scene([LOGO, SONG]);
  const [logo] = await screen.findAllByRole("listitem");
  const used = within(logo as HTMLElement).getByRole("button", {
    name: /is used: On air in Intro/,
  });
  expect(used).toHaveProperty("disabled", true);
  refusals.push(
    Response.json({ title: "No", detail: "Layer A uses it.", code: "x" }, { status: 409 }),
  );
  fireEvent.click(screen.getByRole("button", { name: "Delete song.mp3" }));
  const really = () => screen.getByText("Delete", { selector: "button" });
  fireEvent.click(really());
  expect(await screen.findByText(/Layer A uses it\./)).toBeTruthy();
  fireEvent.click(really());
  await waitFor(() => expect(screen.queryAllByRole("listitem")).toHaveLength(1));
  expect(asked.filter((one) => one.startsWith("DELETE"))).toHaveLength(2);
});

it("says when nothing was uploaded, and shows nothing to a viewer", async () => {
  scene([]);
  expect(await screen.findByText("Nothing was uploaded yet.")).toBeTruthy();
  cleanup();
  const { asked } = scene([LOGO], "viewer");
  expect(screen.queryByRole("region")).toBeNull();
  expect(asked).toEqual([]);
});
