import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";
import type { Layer } from "../../api/types.ts";
import { PLAIN_CHAT } from "./kinds.ts";
import { LayerEditor } from "./layer-editor.tsx";
import { laidOver, type Patch } from "./patch.ts";
import { textLayer } from "./samples.ts";

afterEach(cleanup);

function edited(layer: Layer) {
  const change = vi.fn<(patch: Patch) => void>();
  const props = { id: "editor", disabled: false, change, onDelete: () => {} };
  render(<LayerEditor layer={layer} {...props} />);
  return change;
}

/** Text and a layer of another kind have everything but the source in common. */
const layerOf = (source: Pick<Layer, "kind" | "source">, fields: Partial<Layer> = {}) =>
  ({ ...textLayer(), ...source, ...fields }) as Layer;

const enter = (label: string, value: string) =>
  fireEvent.change(screen.getByLabelText(label), { target: { value } });
const click = (label: string) => fireEvent.click(screen.getByLabelText(label));

it.each<[string, string, Patch]>([
  ["Blend", "screen", { blend: "screen" }],
  ["Transition (ms)", "500", { transition: { duration_ms: 500 } }],
  ["Easing", "ease-out", { transition: { easing: "ease-out" } }],
  ["Anchor", "top-left", { transform: { anchor: "top-left" } }],
  ["Rotation", "-12.5", { transform: { rotation: -12.5 } }],
  ["Crop left (%)", "12.5", { transform: { crop: { left: 0.125 } } }],
  ["Vertical alignment", "top", { source: { style: { vertical_align: "top" } } }],
  ["Letter spacing", "4", { source: { style: { letter_spacing: 4 } } }],
  ["Line spacing (%)", "150", { source: { style: { line_spacing: 150 } } }],
  ["Lines too wide", "none", { source: { style: { wrap: "none" } } }],
  ["Padding (empty: usual)", "8", { source: { style: { padding: 8 } } }],
])("%s of a text is set to %s", (label, value, patch) => {
  const change = edited(textLayer());
  enter(label, value);
  expect(change.mock.calls).toEqual([[patch]]);
});

it.each<[string, string, Patch]>([
  ["Begin (ms)", "500", { source: { in_ms: 500 } }],
  ["At its end", "loop", { source: { loop: true } }],
  ["At its end", "hide", { source: { loop: false, at_end: "hide", next: null } }],
])("%s of a video is set to %s", (label, value, patch) => {
  const video = { kind: "video" as const, source: { asset: "a", loop: false } };
  const change = edited(layerOf(video));
  enter(label, value);
  expect(change.mock.calls).toEqual([[patch]]);
});

it("plays a video to its end where the end is left empty", () => {
  const video = { kind: "video" as const, source: { asset: "a", out_ms: 900 } };
  const change = edited(layerOf(video));
  const end = screen.getByLabelText("End (ms, empty: its end)");
  fireEvent.blur(end);
  expect(change).not.toHaveBeenCalled();
  fireEvent.change(end, { target: { value: "" } });
  fireEvent.blur(end);
  expect(change.mock.calls).toEqual([[{ source: { out_ms: null } }]]);
});

it("puts an outline and a shadow on as a whole, changes their parts, and takes them off", () => {
  const change = edited(textLayer());
  click("Outline");
  const outline = { color: "#000000", width: 2 };
  expect(change).toHaveBeenLastCalledWith({ source: { style: { outline } } });
  cleanup();
  const again = edited(laidOver(textLayer(), { source: { style: { outline } } }));
  enter("Outline width", "5");
  expect(again).toHaveBeenLastCalledWith({ source: { style: { outline: { width: 5 } } } });
  click("Outline");
  expect(again).toHaveBeenLastCalledWith({ source: { style: { outline: null } } });
  click("Shadow");
  const shadow = { color: "#000000c0", x: 2, y: 2, blur: 4 };
  expect(again).toHaveBeenLastCalledWith({ source: { style: { shadow } } });
});

it("leaves something of a cropped source", () => {
  const cropped = laidOver(textLayer(), {
    transform: { crop: { left: 0.6, top: 0, right: 0, bottom: 0 } },
  });
  const change = edited(cropped);
  enter("Crop right (%)", "39");
  expect(change).toHaveBeenLastCalledWith({ transform: { crop: { right: 0.39 } } });
  enter("Crop right (%)", "39.1");
  expect(change).toHaveBeenCalledOnce();
  expect(screen.getByLabelText("Crop right (%)").getAttribute("aria-invalid")).toBe("true");
});

it("offers fit and sound to what has a shape and a sound of its own", () => {
  edited(textLayer());
  expect(screen.queryByLabelText("Fit")).toBeNull();
  expect(screen.queryByLabelText("Audio delay (ms)")).toBeNull();
  cleanup();
  const change = edited(layerOf({ kind: "video", source: { asset: "a", loop: true } }));
  enter("Fit", "cover");
  enter("Audio delay (ms)", "250");
  enter("Volume (%)", "50");
  expect(change.mock.calls).toEqual([
    [{ transform: { fit: "cover" } }],
    [{ audio_delay_ms: 250 }],
    [{ volume: 0.5 }],
  ]);
});

it("changes the colors of a gradient as a list, and keeps at least two", () => {
  const stops = [
    { offset: 0, color: "#ff0000" },
    { offset: 100, color: "#0000ff80" },
  ];
  const change = edited(layerOf({ kind: "gradient", source: { stops, angle: 90 } }));
  enter("Color 2", "#00ff00");
  expect(change).toHaveBeenLastCalledWith({
    source: { stops: [stops[0], { offset: 100, color: "#00ff0080" }] },
  });
  expect(screen.getByRole("button", { name: "Take color 1 away" })).toHaveProperty(
    "disabled",
    true,
  );
  fireEvent.click(screen.getByRole("button", { name: "Add a color" }));
  expect(change).toHaveBeenLastCalledWith({
    source: { stops: [stops[0], { offset: 50, color: "#ff0000" }, stops[1]] },
  });
});

it("changes what a countdown and a ticker say", () => {
  const countdown = edited(layerOf({ kind: "countdown", source: { duration_s: 60 } }));
  enter("Before the time", "Begins in ");
  fireEvent.blur(screen.getByLabelText("Before the time"));
  enter("Format (%d %H %M %S)", "%M:%S");
  fireEvent.blur(screen.getByLabelText("Format (%d %H %M %S)"));
  expect(countdown.mock.calls).toEqual([
    [{ source: { text_before: "Begins in " } }],
    [{ source: { format: "%M:%S" } }],
  ]);
  cleanup();
  const ticker = edited(layerOf({ kind: "ticker", source: { text: "One" } }));
  enter("Direction", "right");
  enter("Texts, one a line", "One\nTwo");
  fireEvent.blur(screen.getByLabelText("Texts, one a line"));
  expect(ticker.mock.calls).toEqual([
    [{ source: { direction: "right" } }],
    [{ source: { text: null, items: ["One", "Two"] } }],
  ]);
});

it("takes a password, never shows it, and takes it away with its user", () => {
  const url = "rtsp://camera.example.com/a";
  const change = edited(layerOf({ kind: "network", source: { url, user: "me" } }));
  const password = screen.getByLabelText("Password");
  expect(password.getAttribute("type")).toBe("password");
  enter("Password", "secret");
  fireEvent.blur(password);
  expect(change).toHaveBeenLastCalledWith({ source: { password: "secret" } });
  expect(password).toHaveProperty("value", "");
  cleanup();
  const set = edited(
    layerOf({ kind: "network", source: { url, user: "me", has_password: true, secret: "s" } }),
  );
  fireEvent.click(screen.getByRole("button", { name: "Take the password away" }));
  expect(set).toHaveBeenLastCalledWith({ source: { password: null } });
  enter("User", "");
  fireEvent.blur(screen.getByLabelText("User"));
  expect(set).toHaveBeenLastCalledWith({ source: { user: null, password: null } });
  expect(screen.queryByLabelText("Passphrase")).toBeNull();
});

it("asks an SRT source for its passphrase and key", () => {
  const source = { url: "srt://camera.example.com:9000" };
  const change = edited(layerOf({ kind: "network", source }));
  enter("Passphrase", "a long passphrase");
  fireEvent.blur(screen.getByLabelText("Passphrase"));
  enter("Key", "32");
  expect(change.mock.calls).toEqual([
    [{ source: { passphrase: "a long passphrase" } }],
    [{ source: { key_length: 32 } }],
  ]);
  expect(screen.queryByLabelText("User")).toBeNull();
});

it("changes what a chat shows and how it comes and goes", () => {
  const change = edited(layerOf({ kind: "chat", source: { ...PLAIN_CHAT, max_age_s: 60 } }));
  enter("Messages at most", "12");
  enter("Seconds to stay (empty: no limit)", "");
  enter("Fade away (ms)", "0");
  enter("Order", "newest-above");
  enter("Entrance", "fade");
  enter("Entrance (ms)", "400");
  click("A color for each writer");
  click("Names");
  expect(change.mock.calls).toEqual([
    [{ source: { max_messages: 12 } }],
    [{ source: { max_age_s: null } }],
    [{ source: { fade_ms: 0 } }],
    [{ source: { order: "newest-above" } }],
    [{ source: { entrance: "fade" } }],
    [{ source: { entrance_ms: 400 } }],
    [{ source: { name_color: "#ffd54f" } }],
    [{ source: { names: false } }],
  ]);
  expect(screen.queryByLabelText("Vertical alignment")).toBeNull();
});

it("changes where a page is and how it is shown", () => {
  const change = edited(layerOf({ kind: "web", source: { url: "https://a.example/" } }));
  enter("Address of the page", " https://b.example/ ");
  fireEvent.blur(screen.getByLabelText("Address of the page"));
  enter("Zoom (%)", "150");
  enter("CSS that is added to the page", "p {}");
  fireEvent.blur(screen.getByLabelText("CSS that is added to the page"));
  enter("Load anew after (s, empty: never)", "60");
  enter("Fit", "contain");
  expect(change.mock.calls).toEqual([
    [{ source: { url: "https://b.example/" } }],
    [{ source: { zoom: 150 } }],
    [{ source: { css: "p {}" } }],
    [{ source: { reload_s: 60 } }],
    [{ transform: { fit: "contain" } }],
  ]);
});
