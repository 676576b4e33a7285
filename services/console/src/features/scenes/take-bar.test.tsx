import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";
import type { Take } from "../../api/types.ts";
import { FADE, type Transition } from "./commands.ts";
import { TakeBar } from "./take-bar.tsx";

afterEach(cleanup);

function shown(transition: Transition, coming: Take | null = null) {
  const onChange = vi.fn<(transition: Transition) => void>();
  const props = { onChange, studio: true, coming, blocked: null };
  render(<TakeBar transition={transition} {...props} onTake={() => {}} onCut={() => {}} />);
  return onChange;
}

it("asks where to only what moves", () => {
  shown(FADE);
  expect(screen.queryByRole("button", { name: "Move up" })).toBeNull();
  cleanup();
  const changed = shown({ ...FADE, kind: "slide" });
  fireEvent.click(screen.getByRole("button", { name: "Move up" }));
  expect(changed).toHaveBeenLastCalledWith({ ...FADE, kind: "slide", direction: "up" });
});

it("asks a cut for nothing", () => {
  shown({ ...FADE, kind: "cut" });
  expect((screen.getByLabelText("ms") as HTMLInputElement).disabled).toBe(true);
  expect(screen.queryByLabelText("Easing")).toBeNull();
});

it("sets how it moves and for how long, within bounds", () => {
  const changed = shown(FADE);
  fireEvent.change(screen.getByLabelText("Easing"), { target: { value: "ease-in-out" } });
  expect(changed).toHaveBeenLastCalledWith({ ...FADE, easing: "ease-in-out" });
  fireEvent.change(screen.getByLabelText("ms"), { target: { value: "10001" } });
  expect(changed).toHaveBeenCalledTimes(1);
});

it("shows a take that is on its way", () => {
  shown(FADE);
  expect(screen.queryByRole("status")).toBeNull();
  cleanup();
  shown(FADE, { scene: "s", number: 3, transition: { kind: "wipe", duration_ms: 700 } });
  const progress = screen.getByRole("status", { name: "A wipe is on its way" });
  expect(progress.style.animationDuration).toBe("700ms");
});
