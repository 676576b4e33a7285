import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import createClient from "openapi-fetch";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { paths } from "../../api/types.gen.ts";
import type { Runtime } from "../../runtime.ts";
import { RuntimeContext } from "../../runtime-context.ts";
import { AddOutputDialog, EditOutputDialog } from "./output-dialog.tsx";
import { FakeServer, rtmpOutput } from "./samples.ts";
import { OutputStore } from "./store.ts";
import { OutputWriter } from "./writer.ts";

afterEach(cleanup);

async function scene(dialog: "add" | "edit") {
  const server = new FakeServer();
  const api = createClient<paths>({ baseUrl: "http://server.test", fetch: server.fetch });
  const outputs = new OutputStore(api, "main");
  await outputs.load();
  const outputWriter = new OutputWriter(api, outputs, "main");
  const onClose = vi.fn();
  render(
    <RuntimeContext value={{ api, outputs, outputWriter } as unknown as Runtime}>
      {dialog === "add" ? (
        <AddOutputDialog onClose={onClose} />
      ) : (
        <EditOutputDialog output={rtmpOutput()} onClose={onClose} />
      )}
    </RuntimeContext>,
  );
  return { server, onClose };
}

const fill = (label: string, value: string) =>
  fireEvent.change(screen.getByLabelText(label), { target: { value } });
const submit = () => {
  const form = screen.getByRole("dialog").querySelector("form");
  if (form) fireEvent.submit(form);
};

describe("adding", () => {
  it("sends what was filled in, under the kind's name unless told, and closes", async () => {
    const { server, onClose } = await scene("add");
    fill("Address", "rtmp://a.example/app");
    fill("Stream key", "secret");
    submit();
    await expect.poll(() => onClose.mock.calls.length).toBe(1);
    const target = { url: "rtmp://a.example/app", key: "secret" };
    expect(server.bodies).toEqual([{ name: "RTMP", kind: "rtmp", target }]);
  });

  it("shows what was refused at its field", async () => {
    const { server, onClose } = await scene("add");
    const errors = [{ pointer: "/target/url", detail: "must have a host" }];
    server.refusals.push({ status: 422, code: "validation.failed", errors });
    submit();
    const field = screen.getByLabelText("Address");
    await expect.poll(() => field.getAttribute("aria-invalid")).toBe("true");
    const note = document.getElementById(field.getAttribute("aria-describedby") ?? "");
    expect(note?.textContent).toBe("Must have a host.");
    expect(screen.getByRole("alert").textContent).toContain("a field needs another value");
    expect(onClose).not.toHaveBeenCalled();
  });

  it("says above the buttons what belongs to no field", async () => {
    const { server } = await scene("add");
    server.refusals.push({ status: 409, title: "Full", detail: "delete one first" });
    submit();
    await expect.poll(() => screen.queryByRole("alert")?.textContent).toContain("delete one first");
  });

  it("asks how little it may be sent once it may be sent less", async () => {
    const { server } = await scene("add");
    fill("Address", "rtmp://a.example/app");
    expect(screen.queryByLabelText("Never less than (kbit/s)")).toBeNull();
    fireEvent.click(screen.getByRole("checkbox", { name: /lower bitrate/ }));
    fill("Never less than (kbit/s)", "50");
    const errors = [{ pointer: "/adaptive/min_kbps", detail: "must be from 100 to 50000" }];
    server.refusals.push({ status: 422, code: "validation.failed", errors });
    submit();
    const field = screen.getByLabelText("Never less than (kbit/s)");
    await expect.poll(() => field.getAttribute("aria-invalid")).toBe("true");
    expect(server.bodies).toMatchObject([{ adaptive: { enabled: true, min_kbps: 50 } }]);
    fireEvent.click(screen.getByRole("radio", { name: "Recording" }));
    expect(screen.queryByRole("checkbox")).toBeNull();
  });

  it("does not carry a secret over to another kind", async () => {
    await scene("add");
    fill("Stream key", "secret");
    fireEvent.click(screen.getByRole("radio", { name: "SRT" }));
    expect(screen.getByLabelText<HTMLInputElement>("Passphrase").value).toBe("");
    expect(screen.getByLabelText("Passphrase").getAttribute("type")).toBe("password");
  });
});

describe("editing", () => {
  it("sends only what was changed, and never shows the secret", async () => {
    const { server, onClose } = await scene("edit");
    const key = screen.getByLabelText<HTMLInputElement>("Stream key");
    expect(key.value).toBe("");
    expect(key.placeholder).toContain("One is kept");
    fill("Name", "Other");
    submit();
    await expect.poll(() => onClose.mock.calls.length).toBe(1);
    expect(server.bodies).toEqual([{ name: "Other" }]);
  });

  it("fills in somebody else's change beside the own one, and saves onto it", async () => {
    const { server, onClose } = await scene("edit");
    const url = "rtmp://theirs.example/app";
    server.refusals.push({ status: 412 });
    server.outputs = [rtmpOutput({ revision: 8, target: { url, has_key: false } })];
    fill("Name", "Mine");
    submit();
    await expect.poll(() => screen.getByLabelText<HTMLInputElement>("Address").value).toBe(url);
    expect(screen.getByLabelText<HTMLInputElement>("Name").value).toBe("Mine");
    expect(screen.getByRole("alert").textContent).toContain("Somebody else changed");
    submit();
    await expect.poll(() => onClose.mock.calls.length).toBe(1);
    expect(server.bodies).toEqual([{ name: "Mine" }, { name: "Mine" }]);
    expect(server.requests.at(-1)?.headers.get("If-Match")).toBe('"8"');
  });
});
