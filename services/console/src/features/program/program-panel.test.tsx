import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import createClient from "openapi-fetch";
import { afterEach, describe, expect, it } from "vitest";
import type { paths } from "../../api/types.gen.ts";
import type { ProgramFormat, Role, StreamState } from "../../api/types.ts";
import { Observable } from "../../observable.ts";
import type { Runtime } from "../../runtime.ts";
import { RuntimeContext } from "../../runtime-context.ts";
import { changeOf, draftOf, interrupts, withEncoder } from "./draft.ts";
import { ProgramPanel } from "./program-panel.tsx";

afterEach(cleanup);

const FORMAT: ProgramFormat = {
  width: 1280,
  height: 720,
  framerate: 30,
  video_bitrate_kbps: 2500,
  audio_bitrate_kbps: 128,
  keyframe_interval_ms: 1000,
  encoder: "x264",
  preset: "superfast",
  profile: "high",
};

function scene(answer: () => Response, role: Role = "operator", errors: unknown[] = []) {
  const bodies: unknown[] = [];
  const api = createClient<paths>({
    baseUrl: "http://server.test",
    fetch: async (request) => {
      bodies.push(await request.json());
      return answer();
    },
  });
  const state = { status: "live", errors, wanted_program: FORMAT } as unknown as StreamState;
  const runtime = {
    api,
    stream: "main",
    state: { state: new Observable<StreamState | null>(state) },
    session: { state: new Observable({ kind: "signed-in", identity: { role } }) },
    connection: { state: new Observable({ kind: "live", hearsEvents: true }) },
    poller: { state: new Observable("off") },
  };
  render(
    <RuntimeContext value={runtime as unknown as Runtime}>
      <ProgramPanel />
    </RuntimeContext>,
  );
  return bodies;
}

const open = async () => {
  fireEvent.click(screen.getByRole("button", { name: "Change" }));
  await screen.findByRole("dialog");
};
const fill = (label: string, value: string) =>
  fireEvent.change(screen.getByLabelText(label), { target: { value } });
const submit = () => {
  const form = screen.getByRole("dialog").querySelector("form");
  if (form) fireEvent.submit(form);
};
const answered = (status: number, body: unknown) => () =>
  new Response(JSON.stringify(body), {
    status,
    headers: { "Content-Type": status < 400 ? "application/json" : "application/problem+json" },
  });

describe("the program's settings", () => {
  it("are not shown to a viewer", () => {
    scene(answered(200, {}), "viewer");
    expect(screen.queryByRole("region")).toBeNull();
  });

  it("send what was changed alone, and say what interrupts", async () => {
    const bodies = scene(answered(200, { status: "succeeded" }));
    expect(screen.getByText(/1280 × 720, 30 fps, 2500 kbit\/s/)).toBeTruthy();
    await open();
    fill("Video bitrate (kbit/s)", "1200");
    expect(screen.queryByText(/short discontinuity/)).toBeNull();
    fill("Frames per second", "60");
    expect(screen.getByText(/short discontinuity/)).toBeTruthy();
    submit();
    await expect.poll(() => screen.queryByRole("dialog")).toBeNull();
    const program = { video_bitrate_kbps: 1200, framerate: 60 };
    expect(bodies).toEqual([{ action: "configure", stream: "main", program }]);
  });

  it("show a limit at its field", async () => {
    const errors = [{ pointer: "/program/width", detail: "must be even and from 128 to 3840" }];
    scene(
      answered(422, { status: 422, code: "request.validation.failed", title: "Not valid", errors }),
    );
    await open();
    fill("Width", "1281");
    submit();
    const field = screen.getByLabelText("Width");
    await expect.poll(() => field.getAttribute("aria-invalid")).toBe("true");
  });

  it("say why the engine keeps the format it has", async () => {
    scene(answered(200, { status: "failed", detail: "openh264 is not installed" }));
    await open();
    fireEvent.change(screen.getByLabelText("Encoder"), { target: { value: "openh264" } });
    submit();
    await expect.poll(() => screen.queryByRole("alert")?.textContent).toContain("not installed");
  });

  it("tell what is wrong with the format that is wanted", () => {
    const error = { component: "program", code: "program.encoder.missing", message: "Missing." };
    scene(answered(200, {}), "operator", [error]);
    expect(screen.getByText("program.encoder.missing")).toBeTruthy();
  });
});

describe("a change", () => {
  it("of rates interrupts nothing", () => {
    const seen = draftOf(FORMAT);
    expect(changeOf(seen, seen)).toBeNull();
    expect(interrupts(seen, changeOf(seen, { ...seen, audio_bitrate_kbps: "96" }))).toBe(false);
    const open = draftOf({ ...FORMAT, encoder: "openh264" });
    const slower = changeOf(open, { ...open, video_bitrate_kbps: "900" });
    expect([interrupts(open, slower), interrupts(seen, slower)]).toEqual([true, false]);
    expect(interrupts(seen, changeOf(seen, { ...seen, preset: "fast" }))).toBe(true);
  });

  it("to openh264 takes its profile along", () => {
    const seen = draftOf(FORMAT);
    const change = changeOf(seen, withEncoder(seen, "openh264"));
    expect(change).toEqual({ encoder: "openh264", profile: "baseline" });
  });

  it("to what is no number is sent, and refused by the server", () => {
    const seen = draftOf(FORMAT);
    expect(changeOf(seen, { ...seen, width: "wide" })).toEqual({ width: 0 });
  });
});
