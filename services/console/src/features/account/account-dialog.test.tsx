import { cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import createClient from "openapi-fetch";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { paths } from "../../api/types.gen.ts";
import type { SecondFactorStatus, SessionInfo } from "../../api/types.ts";
import type { Runtime } from "../../runtime.ts";
import { RuntimeContext } from "../../runtime-context.ts";
import { AccountDialog } from "./account-dialog.tsx";
import { AccountStore } from "./store.ts";

beforeEach(() => {
  HTMLDialogElement.prototype.showModal = vi.fn();
  HTMLDialogElement.prototype.close = vi.fn();
});
afterEach(cleanup);

const HERE: SessionInfo = {
  id: "00000000-0000-7000-8000-000000000001",
  client: "Firefox on Linux",
  network: "192.0.2.0/24",
  created_at: "2030-01-01T00:00:00.000Z",
  used_at: "2030-01-01T00:05:00.000Z",
  expires_at: "2030-01-14T00:00:00.000Z",
  current: true,
};
const THERE: SessionInfo = { ...HERE, id: "there", client: "curl", network: null, current: false };
const NONE: SecondFactorStatus = {
  enrolled: false,
  enrolled_at: null,
  recovery_codes_left: 0,
  required: false,
};
const ENROLMENT = {
  secret: "ABCDEFGH",
  otpauth_uri: "otpauth://totp/x",
  qr_svg: "<svg xmlns='http://www.w3.org/2000/svg'/>",
};

function scene(status: SecondFactorStatus = NONE) {
  const asked: string[] = [];
  const bodies: unknown[] = [];
  let sessions = [HERE, THERE];
  const refusals: Response[] = [];
  const fetch = async (request: Request): Promise<Response> => {
    const { pathname, search } = new URL(request.url);
    const line = `${request.method} ${pathname}${search}`;
    if (request.method !== "GET") asked.push(line);
    if (request.method === "POST") bodies.push(await request.json());
    switch (line) {
      case "GET /api/auth/sessions":
        return Response.json(sessions);
      case "GET /api/auth/second-factor":
        return Response.json(status);
      case "POST /api/auth/second-factor":
        return refusals.shift() ?? Response.json(ENROLMENT);
      case "POST /api/auth/second-factor/confirm":
        return Response.json({ recovery_codes: ["aaaa-bbbb", "cccc-dddd"] });
      default:
        sessions = [HERE];
        return new Response(null, { status: 204 });
    }
  };
  const api = createClient<paths>({ baseUrl: "http://server.test", fetch });
  const runtime = { account: new AccountStore(api) };
  render(
    <RuntimeContext value={runtime as unknown as Runtime}>
      <AccountDialog onClose={() => {}} />
    </RuntimeContext>,
  );
  return { asked, bodies, refusals };
}

const button = (name: string | RegExp) => screen.getByRole("button", { name, hidden: true });

it("lists where one is signed in, and ends one or all others", async () => {
  const { asked } = scene();
  const rows = await screen.findAllByRole("listitem", { hidden: true });
  expect(rows[0]?.textContent).toContain("Firefox on Linux");
  expect(rows[0]?.textContent).toContain("192.0.2.0/24");
  expect(within(rows[0] as HTMLElement).queryByRole("button", { hidden: true })).toBeNull();
  fireEvent.click(button(/^Sign out curl/));
  await waitFor(() => expect(screen.getAllByRole("listitem", { hidden: true })).toHaveLength(1));
  expect(screen.queryByText("Sign out everywhere else")).toBeNull();
  expect(asked).toEqual(["DELETE /api/auth/sessions/there"]);
});

it("sets an authenticator app up with the password, its picture and a code", async () => {
  const { asked, bodies, refusals } = scene();
  refusals.push(
    Response.json(
      { title: "Not valid", code: "x", errors: [{ pointer: "/password", detail: "is wrong" }] },
      { status: 422 },
    ),
  );
  fireEvent.click(await screen.findByText("Set up an authenticator app"));
  fireEvent.change(screen.getByLabelText("Your password"), { target: { value: "secret" } });
  const form = screen.getByRole("form", { name: "Set up an authenticator app", hidden: true });
  fireEvent.submit(form);
  expect(await screen.findByText(/password: is wrong/)).toBeTruthy();
  await waitFor(() =>
    expect(button("Set up an authenticator app").getAttribute("aria-disabled")).toBe("false"),
  );
  fireEvent.submit(form);
  expect(await screen.findByAltText("QR code for an authenticator app")).toBeTruthy();
  expect(screen.getByTestId("totp-secret").textContent).toBe("ABCD EFGH");
  fireEvent.change(screen.getByLabelText("Code that the app shows"), {
    target: { value: " 123456 " },
  });
  fireEvent.submit(
    screen.getByRole("form", { name: "Confirm the authenticator app", hidden: true }),
  );
  expect(await screen.findByText("aaaa-bbbb")).toBeTruthy();
  fireEvent.click(button("I have kept them"));
  expect(screen.queryByText("aaaa-bbbb")).toBeNull();
  expect(asked).toEqual([
    "POST /api/auth/second-factor",
    "POST /api/auth/second-factor",
    "POST /api/auth/second-factor/confirm",
  ]);
  expect(bodies.at(-1)).toEqual({ code: "123456" });
});

it("offers no way to remove what the role needs", async () => {
  scene({ ...NONE, enrolled: true, recovery_codes_left: 3, required: true });
  expect(await screen.findByText(/3 recovery codes are left\. Your role needs one\./)).toBeTruthy();
  expect(screen.queryByText("Remove the second factor")).toBeNull();
});
