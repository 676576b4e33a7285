import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";
import { NO_ANSWER } from "../../api/problem.ts";
import { Observable } from "../../observable.ts";
import type { Runtime } from "../../runtime.ts";
import { RuntimeContext } from "../../runtime-context.ts";
import type { NextSteps, StepNote } from "./history.ts";
import { HistoryButtons, HistoryNote } from "./history-buttons.tsx";

afterEach(cleanup);

function shown(blocked: string | null = null, note: StepNote | null = null) {
  const step = vi.fn();
  const at = "2026-01-01T00:00:00Z";
  const layerHistory = {
    next: new Observable<NextSteps>({ undo: { name: "move Camera", at }, redo: null }),
    note: new Observable(note),
    busy: new Observable(false),
    dismiss: vi.fn(),
    step,
  };
  const layers = { layer: () => ({ name: "Camera" }) };
  const runtime = { layerHistory, layers } as unknown as Runtime;
  render(
    <RuntimeContext value={runtime}>
      <HistoryButtons blocked={blocked} />
      <HistoryNote />
      <input aria-label="Name" type="text" />
      <input aria-label="Opacity" type="range" />
    </RuntimeContext>,
  );
  return step;
}

const press = (on: Element, shiftKey = false) =>
  fireEvent.keyDown(on, { key: shiftKey ? "Z" : "z", ctrlKey: true, shiftKey });

it("names the next steps, and offers none that there is not", () => {
  const step = shown();
  fireEvent.click(screen.getByTitle("Undo move Camera"));
  expect(step).toHaveBeenLastCalledWith("undo");
  const redo = screen.getByTitle("Nothing to redo") as HTMLButtonElement;
  expect(redo.disabled).toBe(true);
});

it("takes the keys, but not from text that is being written", () => {
  const step = shown();
  press(document.body);
  press(screen.getByLabelText("Opacity"), true);
  press(screen.getByLabelText("Name"));
  expect(step.mock.calls).toEqual([["undo"], ["redo"]]);
});

it("does nothing where nothing may be changed", () => {
  const step = shown("Read only");
  press(document.body);
  expect(step).not.toHaveBeenCalled();
  expect((screen.getByTitle("Undo move Camera") as HTMLButtonElement).disabled).toBe(true);
});

it("shows both versions of a conflict, and ways past it", () => {
  const conflicts = [{ layer: "a", pointer: "/opacity", wanted: 1, current: 0.5 }];
  const failure = { ...NO_ANSWER, code: "layer.history.conflict", status: 409, conflicts };
  const step = shown(null, { direction: "undo", failure });
  expect(screen.getByRole("alert").textContent).toContain("0.5 now, would be 1");
  fireEvent.click(screen.getByRole("button", { name: "Undo the rest" }));
  fireEvent.click(screen.getByRole("button", { name: "Skip this step" }));
  expect(step.mock.calls).toEqual([
    ["undo", "keep"],
    ["undo", "skip"],
  ]);
});
