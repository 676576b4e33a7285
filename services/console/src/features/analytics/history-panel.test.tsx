import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import createClient from "openapi-fetch";
import { afterEach, expect, it, vi } from "vitest";
import type { paths } from "../../api/types.gen.ts";
import type { Role } from "../../api/types.ts";
import { Observable } from "../../observable.ts";
import type { Runtime } from "../../runtime.ts";
import { RuntimeContext } from "../../runtime-context.ts";
import { HistoryPanel } from "./history-panel.tsx";
import { HistoryStore } from "./store.ts";

// happy-dom has no canvas to draw on; what is handed to the chart is what counts here.
const plots = vi.hoisted(() => [] as { label: string; onZoom: (a: number, b: number) => void }[]);
vi.mock("./plot.ts", () => ({
  Plot: class {
    constructor(_: HTMLElement, options: (typeof plots)[number]) {
      plots.push(options);
    }
    update() {}
    redraw() {}
    destroy() {}
  },
}));
afterEach(() => {
  cleanup();
  plots.length = 0;
});

const metric = (name: string, values: (number | null)[]) => ({
  name,
  unit: "frames/s",
  kind: "gauge",
  points: values.map((value, index) => [`2030-01-01T00:00:0${index}Z`, value, value, value]),
});

function scene(role: Role = "operator") {
  const asked: URLSearchParams[] = [];
  const answers: Response[] = [];
  const fetch = async ({ url }: Request): Promise<Response> => {
    asked.push(new URL(url).searchParams);
    const metrics = [metric("fps", [30, null, 20])];
    return answers.shift() ?? Response.json({ metrics, step_s: 10 });
  };
  const api = createClient<paths>({ baseUrl: "http://server.test", fetch });
  const runtime = {
    history: new HistoryStore(api, "main"),
    session: {
      state: new Observable({ kind: "signed-in", identity: { role } }),
      proveByCookie: async () => true,
    },
    connection: { state: new Observable({ kind: "live", hearsEvents: true }) },
    poller: { state: new Observable("off") },
  };
  render(
    <RuntimeContext value={runtime as unknown as Runtime}>
      <HistoryPanel />
    </RuntimeContext>,
  );
  return { asked, answers };
}

const open = () => fireEvent.click(screen.getByRole("button", { name: "History" }));

it("asks for nothing before it is opened, and is not there for a viewer", () => {
  const { asked } = scene();
  expect(asked).toEqual([]);
  cleanup();
  scene("viewer");
  expect(screen.queryByRole("button", { name: "History" })).toBeNull();
});

it("says in words what a chart shows, its gaps too", async () => {
  const { asked } = scene();
  open();
  const words = await screen.findByText(/on average/);
  expect(words.textContent).toContain("25 frames/s on average, 20 to 30");
  expect(words.textContent).toContain("1 of 3 steps without data");
  expect(asked[0]?.get("from")).toBe("-1h");
});

it("reads the range that is chosen, and goes into what is drawn over a chart and out again", async () => {
  const { asked } = scene();
  open();
  await screen.findByText(/on average/);
  fireEvent.click(screen.getByRole("button", { name: "7 days" }));
  await waitFor(() => expect(asked.at(-1)?.get("from")).toBe("-7d"));
  expect(screen.getByRole("button", { name: "7 days" }).getAttribute("aria-pressed")).toBe("true");
  await waitFor(() => expect(plots.length).toBeGreaterThan(0));
  plots[0]?.onZoom(Date.UTC(2030, 0, 1), Date.UTC(2030, 0, 2));
  await waitFor(() => expect(asked.at(-1)?.get("from")).toBe("2030-01-01T00:00:00.000Z"));
  expect(asked.at(-1)?.get("to")).toBe("2030-01-02T00:00:00.000Z");
  fireEvent.click(screen.getByRole("button", { name: "Zoom out" }));
  await waitFor(() => expect(asked.at(-1)?.get("from")).toBe("-7d"));
});

it("says why the history could not be read, and tries again", async () => {
  const { asked, answers } = scene();
  answers.push(Response.json({ title: "Away", status: 503 }, { status: 503 }));
  open();
  expect(await screen.findByText(/could not be read/)).toBeTruthy();
  fireEvent.click(screen.getByRole("button", { name: "Try again" }));
  await screen.findByText(/on average/);
  expect(asked).toHaveLength(2);
});

it("fetches the range that is shown as a file", async () => {
  scene();
  open();
  await screen.findByText(/on average/);
  const clicked: string[] = [];
  const click = vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (
    this: HTMLAnchorElement,
  ) {
    clicked.push(this.href);
  });
  fireEvent.change(screen.getByRole("combobox"), { target: { value: "parquet" } });
  fireEvent.click(screen.getByRole("button", { name: "Export" }));
  await waitFor(() => expect(clicked).toHaveLength(1));
  const address = new URL(clicked[0] ?? "");
  expect(address.pathname).toContain("api/analytics/export");
  expect(address.searchParams.get("format")).toBe("parquet");
  expect(address.searchParams.get("from")).toBe("-1h");
  click.mockRestore();
});
