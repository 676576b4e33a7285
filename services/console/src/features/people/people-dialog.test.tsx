import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import createClient from "openapi-fetch";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { paths } from "../../api/types.gen.ts";
import type { User } from "../../api/types.ts";
import { Observable } from "../../observable.ts";
import type { Runtime } from "../../runtime.ts";
import { RuntimeContext } from "../../runtime-context.ts";
import { PeopleDialog } from "./people-dialog.tsx";
import { PeopleStore } from "./store.ts";

beforeEach(() => {
  HTMLDialogElement.prototype.showModal = vi.fn();
  HTMLDialogElement.prototype.close = vi.fn();
});
afterEach(cleanup);

const ADA: User = {
  id: "ada-id",
  username: "ada",
  role: "operator",
  disabled: false,
  second_factor: true,
  created_at: "2030-01-01T00:00:00.000Z",
  updated_at: "2030-01-01T00:00:00.000Z",
};
const LINK = {
  path: "/#choose-password=abc",
  token: "abc",
  expires_at: "2030-01-04T00:00:00.000Z",
};

function scene() {
  const asked: string[] = [];
  const refusals: Response[] = [];
  const fetch = async (request: Request): Promise<Response> => {
    const line = `${request.method} ${new URL(request.url).pathname}`;
    if (request.method === "GET") return Response.json([ADA]);
    const body = request.method === "DELETE" ? "" : ` ${await request.text()}`;
    asked.push(line + body);
    const refusal = refusals.shift();
    if (refusal) return refusal;
    if (line === "POST /api/users") return Response.json({ ...ADA, link: LINK }, { status: 201 });
    if (request.method === "POST") return Response.json(LINK, { status: 201 });
    if (request.method === "PATCH") return Response.json(ADA);
    return new Response(null, { status: 204 });
  };
  const api = createClient<paths>({ baseUrl: "http://server.test", fetch });
  const state = new Observable({ kind: "signed-in", identity: { user: "me", role: "admin" } });
  const runtime = { people: new PeopleStore(api), session: { state } };
  render(
    <RuntimeContext value={runtime as unknown as Runtime}>
      <PeopleDialog onClose={() => {}} />
    </RuntimeContext>,
  );
  return { asked, refusals };
}

const click = (name: string) => fireEvent.click(screen.getByRole("button", { name, hidden: true }));

it("invites somebody, and shows the link once", async () => {
  const { asked } = scene();
  fireEvent.change(await screen.findByLabelText("Username"), { target: { value: " bob " } });
  fireEvent.change(screen.getByLabelText("Role"), { target: { value: "moderator" } });
  fireEvent.submit(screen.getByRole("form", { name: "Invite somebody", hidden: true }));
  const address = await screen.findByTestId("password-link");
  expect(address.textContent).toContain("#choose-password=abc");
  expect(asked).toEqual(['POST /api/users {"username":"bob","role":"moderator"}']);
});

it("changes a person, and asks before it deletes one", async () => {
  const { asked, refusals } = scene();
  const role = await screen.findByLabelText("Role of ada");
  fireEvent.change(role, { target: { value: "viewer" } });
  click("Shut ada out");
  click("Sign ada out everywhere");
  click("Take the second factor of ada away");
  click("New password for ada");
  click("Delete ada");
  await waitFor(() => expect(asked).toHaveLength(5));
  refusals.push(
    Response.json({ title: "The last admin", detail: "cannot go", code: "x" }, { status: 409 }),
  );
  click("Really delete ada");
  expect(await screen.findByText(/The last admin: cannot go/)).toBeTruthy();
  // They were asked for at the same time; only the last one waited.
  expect(asked.toSorted()).toEqual([
    "DELETE /api/users/ada",
    "DELETE /api/users/ada/second-factor",
    "DELETE /api/users/ada/sessions",
    'PATCH /api/users/ada {"disabled":true}',
    'PATCH /api/users/ada {"role":"viewer"}',
    "POST /api/users/ada/password-link ",
  ]);
});
