import { cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import createClient from "openapi-fetch";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { paths } from "../../api/types.gen.ts";
import type { Recording, Role } from "../../api/types.ts";
import { Observable } from "../../observable.ts";
import type { Runtime } from "../../runtime.ts";
import { RuntimeContext } from "../../runtime-context.ts";
import { rtmpOutput } from "../outputs/samples.ts";
import { RecordingPanel } from "./recording-panel.tsx";
import { RecordingStore } from "./store.ts";

beforeEach(() => {
  HTMLDialogElement.prototype.showModal = vi.fn();
  HTMLDialogElement.prototype.close = vi.fn();
});
afterEach(cleanup);

const FINISHED: Recording = {
  output: "out-a",
  file: "20300101T000000.000Z-0.mp4",
  bytes: 151_000_000,
  started_at: "2030-01-01T00:00:00.000Z",
  modified_at: "2030-01-01T00:02:03.000Z",
  finished: true,
};
const WRITTEN: Recording = {
  ...FINISHED,
  output: "gone",
  file: "20300101T000300.000Z-0.mkv",
  finished: false,
};

function scene(recordings: Recording[], role: Role = "operator") {
  const asked: string[] = [];
  const refusals: Response[] = [];
  const fetch = async ({ method, url }: Request): Promise<Response> => {
    asked.push(`${method} ${new URL(url).pathname}`);
    if (method === "DELETE") return refusals.shift() ?? new Response(null, { status: 204 });
    return Response.json({ recordings });
  };
  const api = createClient<paths>({ baseUrl: "http://server.test", fetch });
  const proveByCookie = vi.fn(async () => true);
  const runtime = {
    recordings: new RecordingStore(api, "main"),
    outputs: { outputs: new Observable([rtmpOutput()]) },
    session: {
      state: new Observable({ kind: "signed-in", identity: { role } }),
      proveByCookie,
    },
    connection: { state: new Observable({ kind: "live", hearsEvents: true }) },
    poller: { state: new Observable("off") },
  };
  render(
    <RuntimeContext value={runtime as unknown as Runtime}>
      <RecordingPanel />
    </RuntimeContext>,
  );
  return { asked, refusals, proveByCookie };
}

it("lists what was recorded, with its length, its size and whether it is being written", async () => {
  scene([WRITTEN, FINISHED]);
  const [written, finished] = await screen.findAllByRole("listitem");
  expect(finished?.textContent).toContain("Platform");
  expect(finished?.textContent).toContain("2:03 · 151 MB");
  expect(written?.textContent).toContain("gone");
  expect(written?.textContent).toContain("being written");
  const label = /is being written/;
  expect(within(written as HTMLElement).getByRole("button", { name: label })).toHaveProperty(
    "disabled",
    true,
  );
});

it("says when nothing was recorded, and shows nothing to a viewer", async () => {
  scene([]);
  expect(await screen.findByText("Nothing was recorded yet.")).toBeTruthy();
  cleanup();
  const { asked } = scene([FINISHED], "viewer");
  expect(screen.queryByRole("region")).toBeNull();
  expect(asked).toEqual([]);
});

it("fetches a recording by a cookie", async () => {
  const { proveByCookie } = scene([FINISHED]);
  const clicked: string[] = [];
  const click = vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (
    this: HTMLAnchorElement,
  ) {
    clicked.push(`${new URL(this.href).pathname} ${this.download}`);
  });
  fireEvent.click(await screen.findByRole("button", { name: /^Download/ }));
  const path = `/live/main/recordings/out-a/${FINISHED.file}`;
  await waitFor(() => expect(clicked).toEqual([`${path} out-a-${FINISHED.file}`]));
  proveByCookie.mockResolvedValueOnce(false);
  fireEvent.click(screen.getByRole("button", { name: /^Download/ }));
  expect(await screen.findByText(/cannot be fetched now/)).toBeTruthy();
  expect(clicked).toHaveLength(1);
  click.mockRestore();
});

it("deletes a finished recording after it was asked, and says why not", async () => {
  const { asked, refusals } = scene([FINISHED]);
  refusals.push(
    Response.json({ title: "No", detail: "It is being written.", code: "x" }, { status: 409 }),
  );
  fireEvent.click(await screen.findByRole("button", { name: /^Delete/ }));
  const really = () => screen.getByText("Delete", { selector: "button" });
  fireEvent.click(really());
  expect(await screen.findByText(/It is being written\./)).toBeTruthy();
  fireEvent.click(really());
  expect(await screen.findByText(FINISHED.file, { selector: "code" })).toBeTruthy();
  await waitFor(() => expect(screen.queryAllByRole("listitem")).toEqual([]));
  expect(asked.filter((one) => one.startsWith("DELETE"))).toEqual([
    `DELETE /live/main/recordings/out-a/${FINISHED.file}`,
    `DELETE /live/main/recordings/out-a/${FINISHED.file}`,
  ]);
});
