import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import createClient from "openapi-fetch";
import { afterEach, expect, it, vi } from "vitest";
import type { paths } from "../../api/types.gen.ts";
import type { IngestProtocol, Layer, Role } from "../../api/types.ts";
import { Observable } from "../../observable.ts";
import type { Runtime } from "../../runtime.ts";
import { RuntimeContext } from "../../runtime-context.ts";
import { figuresText } from "./figures.ts";
import { LayerEditor } from "./layer-editor.tsx";
import { textLayer } from "./samples.ts";

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

const SERVER = "rtmp://stream.example.test:1935/live";
const SRT_SERVER = "srt://stream.example.test:4203";

function scene(
  role: Role = "operator",
  refusal: number | null = null,
  protocol: IngestProtocol = "rtmp",
) {
  const asked: string[] = [];
  let generation = 1;
  const fetch = async (request: Request) => {
    asked.push(`${request.method} ${new URL(request.url).pathname}`);
    if (refusal) return Response.json({ title: "No", status: refusal }, { status: refusal });
    if (request.method === "POST") generation += 1;
    const stream_key = `main.key-${generation}`;
    const server = protocol === "srt" ? SRT_SERVER : SERVER;
    const address = `${server}${protocol === "srt" ? "?streamid=" : "/"}${stream_key}`;
    return Response.json({ protocol, server, stream_key, address, generation });
  };
  const runtime = {
    api: createClient<paths>({ baseUrl: "http://server.test", fetch }),
    session: { state: new Observable({ kind: "signed-in", identity: { role } }) },
  };
  const change = vi.fn();
  const layer = {
    ...textLayer(),
    kind: "ingest",
    source: { protocol, generation: 1 },
  } as unknown as Layer;
  render(
    <RuntimeContext value={runtime as unknown as Runtime}>
      <LayerEditor id="e" layer={layer} disabled={false} change={change} onDelete={() => {}} />
    </RuntimeContext>,
  );
  return { asked, change, id: layer.id };
}

const field = (label: string) => screen.getByLabelText<HTMLInputElement>(label);
const press = (name: string) => fireEvent.click(screen.getByRole("button", { name }));

it("shows the address, and the key when it is asked for", async () => {
  const { asked, id } = scene();
  await expect.poll(() => field("Server (RTMP)").value).toBe(SERVER);
  expect(asked).toEqual([`GET /api/layers/${id}/ingest`]);
  expect(field("Stream key").type).toBe("password");
  press("Show stream key");
  expect(field("Stream key")).toMatchObject({ type: "text", value: "main.key-1" });
  press("Hide stream key");
  expect(field("Stream key").type).toBe("password");
});

it("shows where to publish by SRT, with the key in one address", async () => {
  const { change } = scene("operator", null, "srt");
  await expect.poll(() => field("Server (SRT)").value).toBe(SRT_SERVER);
  expect(field("Address with key").type).toBe("password");
  press("Show address with key");
  expect(field("Address with key").value).toBe(`${SRT_SERVER}?streamid=main.key-1`);
  fireEvent.change(screen.getByLabelText("Protocol"), { target: { value: "rtmp" } });
  expect(change.mock.calls).toEqual([[{ source: { protocol: "rtmp" } }]]);
});

it("copies both, and shows the key where there is no clipboard", async () => {
  const written: string[] = [];
  const writeText = async (text: string) => void written.push(text);
  vi.stubGlobal("navigator", { ...navigator, clipboard: { writeText } });
  scene();
  await expect.poll(() => field("Stream key").value).not.toBe("");
  press("Copy server (rtmp)");
  press("Copy stream key");
  await expect.poll(() => screen.getAllByRole("button", { name: "Copied" }).length).toBe(2);
  expect(written).toEqual([SERVER, "main.key-1"]);
  cleanup();
  vi.stubGlobal("navigator", { ...navigator, clipboard: undefined });
  scene();
  await expect.poll(() => field("Stream key").value).not.toBe("");
  press("Copy stream key");
  await expect.poll(() => field("Stream key").type).toBe("text");
});

it("makes another key only after it was asked", async () => {
  const { asked, id } = scene();
  await expect.poll(() => field("Stream key").value).toBe("main.key-1");
  press("Make another key…");
  press("Keep the key");
  press("Make another key…");
  press("Make another key");
  await expect.poll(() => field("Stream key").value).toBe("main.key-2");
  expect(asked).toEqual([`GET /api/layers/${id}/ingest`, `POST /api/layers/${id}/ingest/rotate`]);
  expect(screen.queryByRole("dialog")).toBeNull();
});

it("says why there is no key, and keeps it from those who may not see it", async () => {
  const { asked } = scene("operator", 409);
  await expect.poll(() => screen.queryByText(/The stream key is not known/)).not.toBeNull();
  press("Try again");
  await expect.poll(() => asked.length).toBe(2);
  cleanup();
  const viewer = scene("viewer");
  expect(screen.queryByLabelText("Stream key")).toBeNull();
  expect(viewer.asked).toEqual([]);
});

it("changes what the layer itself says", () => {
  const { change } = scene();
  fireEvent.change(field("Latency (ms)"), { target: { value: "900" } });
  fireEvent.change(field("When it is lost"), { target: { value: "hold" } });
  expect(change.mock.calls).toEqual([
    [{ source: { latency_ms: 900 } }],
    [{ source: { on_loss: "hold" } }],
  ]);
});

it("says what is being pushed", () => {
  const feed = { since: "2026-01-01T00:00:00Z", bitrate_kbps: 2512.4 };
  expect(figuresText({ layer: "a", feed })).toBe("2,512 kbit/s");
  const whole = { ...feed, video_codec: "h264", width: 1280, height: 720, framerate: 29.97 };
  expect(figuresText({ layer: "a", feed: whole })).toBe("H264 1280×720 29.97 fps 2,512 kbit/s");
});
