import { cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import createClient from "openapi-fetch";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { paths } from "../../api/types.gen.ts";
import type { AlertSilence, Role } from "../../api/types.ts";
import { Observable } from "../../observable.ts";
import type { Runtime } from "../../runtime.ts";
import { RuntimeContext } from "../../runtime-context.ts";
import { AlertPanel } from "./alert-panel.tsx";
import { alertOf, incidentOf, ruleOf } from "./samples.ts";
import { AlertStore } from "./store.ts";

beforeEach(() => {
  HTMLDialogElement.prototype.showModal = vi.fn();
  HTMLDialogElement.prototype.close = vi.fn();
});
afterEach(cleanup);

interface Asked {
  readonly what: string;
  readonly tag: string | null;
  readonly body: unknown;
}

function scene(role: Role = "operator") {
  const asked: Asked[] = [];
  const refusals: Response[] = [];
  let silences: AlertSilence[] = [];
  const fetch = async (request: Request): Promise<Response> => {
    const { method, url, headers } = request;
    const path = new URL(url).pathname.replace("/api/analytics/", "");
    const text = await request.text();
    const body = text ? JSON.parse(text) : null;
    if (method !== "GET") {
      asked.push({ what: `${method} ${path}`, tag: headers.get("if-match"), body });
      const refusal = refusals.shift();
      if (refusal) return refusal;
    }
    switch (`${method} ${path}`) {
      case "GET alerts":
        return Response.json({ firing: [alertOf()], history: [] });
      case "GET incidents":
        return Response.json({ incidents: [incidentOf()] });
      case "GET alerts/silences":
        return Response.json({ silences });
      case "POST alerts/silences":
        silences = [{ ...body, id: "s-1", kind: "silence", labels: {}, created_by: "olga" }];
        return Response.json(silences[0], { status: 201 });
      case "GET alerts/rules":
        return Response.json({ rules: [ruleOf()] });
      case "POST alerts/rules/dry-run": {
        const time = { since: "2030-01-01T00:00:00Z", fired_at: "2030-01-01T00:00:03Z" };
        const times = [{ ...time, resolved_at: null, reason: "fps is 12" }];
        return Response.json({
          from: time.since,
          until: time.fired_at,
          step_s: 1,
          fired: 1,
          firing_s: 90,
          not_judged: 5,
          looks: 10,
          times,
        });
      }
      default:
        return Response.json(ruleOf({ revision: 1 }));
    }
  };
  const api = createClient<paths>({ baseUrl: "http://server.test", fetch });
  const alerts = new AlertStore(api, "main");
  const runtime = {
    alerts,
    session: { state: new Observable({ kind: "signed-in", identity: { role } }) },
    connection: { state: new Observable({ kind: "live", hearsEvents: true }) },
    poller: { state: new Observable("off") },
  };
  render(
    <RuntimeContext value={runtime as unknown as Runtime}>
      <AlertPanel />
    </RuntimeContext>,
  );
  alerts.snapshot([alertOf()]);
  return { asked, refusals, alerts };
}

it("says what fires and what to do, and nothing to a viewer", async () => {
  scene();
  const [row] = await within(
    await screen.findByRole("list", { name: "Firing alerts" }),
  ).findAllByRole("listitem");
  expect(row?.textContent).toContain("fps is 12.000");
  expect(row?.textContent).toContain("too little CPU");
  expect(row?.getAttribute("data-tone")).toBe("bad");
  cleanup();
  scene("viewer");
  expect(screen.queryByRole("region")).toBeNull();
});

it("follows what is told", async () => {
  const { alerts } = scene();
  await waitFor(() => expect(alerts.incidents.get()).toHaveLength(1));
  const tell = (event: string, data: unknown) => alerts.event({ event, data } as never);
  tell("alert.fired", alertOf({ id: "a-2", rule: "silence", name: "There is no sound" }));
  expect(await screen.findByText(/There is no sound/)).toBeTruthy();
  tell("alert.resolved", alertOf({ id: "a-2", state: "resolved" }));
  tell("alert.resolved", alertOf({ state: "resolved" }));
  expect(await screen.findByText("Nothing fires.")).toBeTruthy();
  expect(screen.getByText("Alerts that are over (2)")).toBeTruthy();
  tell("incident.resolved", incidentOf({ state: "resolved", recovery_ms: 4_000 }));
  expect(await screen.findByText(/over after 4 s/)).toBeTruthy();
});

it("silences an alert with a reason", async () => {
  const { asked } = scene();
  fireEvent.click(await screen.findByRole("button", { name: "Silence The frame rate is low" }));
  fireEvent.change(await screen.findByLabelText("Why"), { target: { value: "known" } });
  fireEvent.click(screen.getByText("Silence", { selector: "button" }));
  const silences = await screen.findByRole("list", { name: "Silences" });
  expect(silences.textContent).toContain("known");
  expect(asked[0]?.what).toBe("POST alerts/silences");
  expect(asked[0]?.body).toMatchObject({ rule: "low-frame-rate", comment: "known" });
  fireEvent.click(within(silences).getByText("End"));
  await waitFor(() => expect(asked.at(-1)?.what).toBe("DELETE alerts/silences/s-1"));
});

it("shows an incident with its causes, what speaks for them, and its timeline", async () => {
  scene();
  fireEvent.click(await screen.findByText(/^engine: the media worker/, { selector: "button" }));
  expect(await screen.findByText("explains 2 of 2 parts", { exact: false })).toBeTruthy();
  expect(screen.getByText("It was killed: look in the host's log.")).toBeTruthy();
  const timeline = screen.getByLabelText("Timeline");
  expect(timeline.textContent).toContain("killed by signal 9");
});

it("tries a rule before it is saved, and says what is wrong with it", async () => {
  const { asked, refusals } = scene();
  fireEvent.click(await screen.findByRole("button", { name: "Alert rules" }));
  fireEvent.click(await screen.findByLabelText("Change The frame rate is low"));
  fireEvent.change(screen.getByLabelText("Bound"), { target: { value: "15" } });
  fireEvent.click(screen.getByText(/^Try it/));
  expect(await screen.findByText(/would have fired once, 1 min in all/)).toBeTruthy();
  expect(screen.getByText(/For 50 % of the time nothing was measured/)).toBeTruthy();
  refusals.push(
    Response.json(
      {
        title: "No",
        code: "request.validation.failed",
        errors: [{ pointer: "/remedy", detail: "must have 1 to 1000 characters" }],
      },
      { status: 422 },
    ),
  );
  fireEvent.click(screen.getByText("Save"));
  expect((await screen.findAllByText("must have 1 to 1000 characters")).length).toBeGreaterThan(0);
  fireEvent.click(screen.getByText("Save"));
  await waitFor(() => expect(screen.queryByText("Save")).toBeNull());
  const saved = asked.at(-1);
  expect(saved?.what).toBe("PATCH alerts/rules/low-frame-rate");
  expect(saved?.tag).toBe('"0"');
  expect(saved?.body).toMatchObject({ condition: { value: 15, clear: 23, aggregate: "mean" } });
});

it("switches a rule off", async () => {
  const { asked } = scene();
  fireEvent.click(await screen.findByRole("button", { name: "Alert rules" }));
  fireEvent.click(await screen.findByLabelText("The frame rate is low"));
  await waitFor(() => expect(asked.at(-1)?.body).toEqual({ enabled: false }));
});
