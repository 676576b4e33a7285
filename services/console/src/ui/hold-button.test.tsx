import { act, cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { HOLD_MS, HoldButton } from "./hold-button.tsx";

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

function scene() {
  const onHeld = vi.fn();
  const onAsk = vi.fn();
  render(
    <HoldButton hint="Keep it pressed" holding="Keep holding" onHeld={onHeld} onAsk={onAsk}>
      Hold to end
    </HoldButton>,
  );
  return { button: screen.getByRole("button"), onHeld, onAsk };
}

const wait = (ms: number) => act(() => vi.advanceTimersByTime(ms));

it("acts when held to the end", () => {
  const { button, onHeld } = scene();
  fireEvent.pointerDown(button, { button: 0 });
  wait(HOLD_MS - 1);
  expect(onHeld).not.toHaveBeenCalled();
  wait(1);
  expect(onHeld).toHaveBeenCalledOnce();
});

it("does nothing on a tap but say so", () => {
  const { button, onHeld, onAsk } = scene();
  fireEvent.pointerDown(button, { button: 0 });
  wait(300);
  fireEvent.pointerUp(button);
  fireEvent.click(button, { detail: 1 });
  wait(HOLD_MS);
  expect(onHeld).not.toHaveBeenCalled();
  expect(onAsk).not.toHaveBeenCalled();
  expect(screen.getByRole("status").textContent).toBe("Keep it pressed");
});

it("does nothing when the pointer leaves", () => {
  const { button, onHeld } = scene();
  fireEvent.pointerDown(button, { button: 0 });
  wait(600);
  fireEvent.pointerLeave(button);
  wait(HOLD_MS);
  expect(onHeld).not.toHaveBeenCalled();
});

it("asks from the keyboard, once however long the key is held", () => {
  const { button, onHeld, onAsk } = scene();
  fireEvent.keyDown(button, { key: " " });
  fireEvent.keyDown(button, { key: " ", repeat: true });
  wait(HOLD_MS * 2);
  expect(onAsk).toHaveBeenCalledOnce();
  expect(onHeld).not.toHaveBeenCalled();
});

it("asks when an assistive tool clicks it", () => {
  const { button, onAsk } = scene();
  fireEvent.click(button, { detail: 0 });
  expect(onAsk).toHaveBeenCalledOnce();
});
