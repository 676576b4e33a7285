import { cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import createClient from "openapi-fetch";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { paths } from "../../api/types.gen.ts";
import type { EndedSchedule, EventMessage, Role, WaitingSchedule } from "../../api/types.ts";
import { Observable } from "../../observable.ts";
import type { Runtime } from "../../runtime.ts";
import { RuntimeContext } from "../../runtime-context.ts";
import { SchedulePanel } from "./schedule-panel.tsx";
import { ScheduleStore } from "./store.ts";

beforeEach(() => {
  HTMLDialogElement.prototype.showModal = vi.fn();
  HTMLDialogElement.prototype.close = vi.fn();
});
afterEach(cleanup);

const NOW = Date.parse("2030-01-01T12:00:00.000Z");

function waiting(changes: Partial<WaitingSchedule>): WaitingSchedule {
  return {
    id: "one",
    name: "News at noon",
    scene: null,
    command: { action: "start" },
    trigger: { kind: "at", at: "2030-01-01T12:02:05.000Z" },
    due_at: "2030-01-01T12:02:05.000Z",
    grace_s: 60,
    user_id: "u",
    user_name: "Ada",
    created_at: "2030-01-01T11:00:00.000Z",
    operations: null,
    ...changes,
  };
}

function scene(role: Role = "operator") {
  const asked: { method: string; path: string; body: unknown }[] = [];
  const refusals: Response[] = [];
  const lists = { waiting: [waiting({})], ended: [] as EndedSchedule[] };
  const fetch = async (request: Request): Promise<Response> => {
    const { method, url } = request;
    const body = method === "POST" ? await request.json() : null;
    asked.push({ method, path: new URL(url).pathname, body });
    if (method === "GET") return Response.json(lists);
    return refusals.shift() ?? (method === "DELETE" ? empty() : Response.json(waiting({})));
  };
  const store = new ScheduleStore(
    createClient<paths>({ baseUrl: "http://server.test", fetch }),
    "main",
  );
  const layer = (id: string, name: string, kind: string) => ({ id, name, kind });
  const shown = {
    id: "shown",
    name: "Shown",
    layers: [layer("logo", "Logo", "image"), layer("clip", "Clip", "video")],
  };
  const runtime = {
    schedules: store,
    scenes: { list: new Observable({ scenes: [{ id: "news", name: "News" }] }) },
    layers: { scene: new Observable(shown) },
    serverClock: { now: () => NOW },
    session: { state: new Observable({ kind: "signed-in", identity: { role } }) },
    connection: { state: new Observable({ kind: "live", hearsEvents: true }) },
    poller: { state: new Observable("off") },
  };
  render(
    <RuntimeContext value={runtime as unknown as Runtime}>
      <SchedulePanel />
    </RuntimeContext>,
  );
  return { asked, refusals, lists, store };
}

const empty = () => new Response(null, { status: 204 });
const list = () => screen.getByRole("list", { name: "Waiting schedules" });

it("lists what is due next first, with the time that is left", async () => {
  const { lists, store } = scene();
  await within(list()).findByText("News at noon");
  expect(list().textContent).toContain("Start the stream, at");
  expect(list().textContent).toContain("in 2:05");
  const after = { kind: "after-take", scene: "news", delay_ms: 0 } as const;
  lists.waiting.unshift(waiting({ id: "two", name: "Later", trigger: after, due_at: null }));
  store.event({ event: "schedule.created", data: {} } as unknown as EventMessage);
  await within(list()).findByText("Later");
  const rows = within(list()).getAllByRole("listitem");
  expect(rows.map((row) => row.textContent)).toEqual([
    expect.stringContaining("News at noon"),
    expect.stringContaining("waits"),
  ]);
});

it("says what became of earlier ones", async () => {
  const { lists, store } = scene();
  const schedule = waiting({ name: "Lost" });
  lists.waiting = [];
  lists.ended = [
    {
      schedule,
      outcome: "failed",
      detail: "cannot start a stream that is live",
      scene_revision: null,
      ended_at: "2030-01-01T11:59:00.000Z",
    },
  ];
  store.event({ event: "schedule.ended", data: {} } as unknown as EventMessage);
  const ended = await screen.findByRole("list", { name: "Earlier schedules", hidden: true });
  expect(ended.textContent).toMatch(/Lost.*Failed .*: cannot start a stream that is live/);
  expect(screen.getByText("Nothing is scheduled.")).toBeTruthy();
});

it("withdraws one that waits", async () => {
  const { asked, refusals } = scene();
  refusals.push(Response.json({ title: "No", detail: "Try again.", code: "x" }, { status: 503 }));
  const button = await screen.findByRole("button", { name: "Withdraw News at noon" });
  fireEvent.click(button);
  expect(await screen.findByText(/Try again\./)).toBeTruthy();
  fireEvent.click(button);
  await waitFor(() => {
    const deleted = asked.filter(({ method }) => method === "DELETE");
    expect(deleted.map(({ path }) => path)).toEqual(["/api/schedules/one", "/api/schedules/one"]);
  });
});

it("adds what the form says, and shows what is wrong at its field", async () => {
  const { asked, refusals } = scene();
  fireEvent.click(screen.getByRole("button", { name: "Add schedule" }));
  const dialog = await screen.findByText("Do something later");
  const form = dialog.closest("dialog") as HTMLElement;
  const choose = (label: string | RegExp, value: string) =>
    fireEvent.change(within(form).getByLabelText(label), { target: { value } });
  const detail = "is in the past";
  refusals.push(
    Response.json(
      { title: "Wrong", code: "x", errors: [{ pointer: "/trigger/at", detail }] },
      { status: 422 },
    ),
  );
  fireEvent.submit(form.querySelector("form") as HTMLFormElement);
  expect(await within(form).findByText(detail)).toBeTruthy();
  choose("What", "hide");
  choose("When", "at-end");
  choose("How much later, in seconds", "2");
  choose("Name", "Away with it");
  fireEvent.submit(form.querySelector("form") as HTMLFormElement);
  await waitFor(() => expect(screen.queryByText("Do something later")).toBeNull());
  const sent = asked.filter(({ method }) => method === "POST").map(({ body }) => body);
  expect(sent[1]).toEqual({
    name: "Away with it",
    grace_s: 60,
    scene: "shown",
    operations: [{ op: "update", id: "logo", patch: { visible: false } }],
    trigger: { kind: "at-end", layer: "clip", delay_ms: 2000 },
  });
});

it("is not there for who may not edit layers", () => {
  const { asked } = scene("viewer");
  expect(screen.queryByRole("region")).toBeNull();
  expect(asked).toEqual([]);
});
