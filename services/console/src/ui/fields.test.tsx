import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { DraftField, FormField, NumberField } from "./fields.tsx";

afterEach(cleanup);

const enter = (value: string) => fireEvent.change(field(), { target: { value } });
const field = () => screen.getByLabelText<HTMLInputElement>("Value");
const isInvalid = () => field().getAttribute("aria-invalid") === "true";

describe("a number", () => {
  it.each([
    ["7", 0, 7],
    ["7.5", 0, null],
    ["7.5", 1, 7.5],
    ["7.55", 1, null],
    ["11", 0, null],
    ["", 0, null],
  ])("%s with %i decimals gives %s", (entered, decimals, value) => {
    const onChange = vi.fn();
    const bounds = { value: 3, min: 0, max: 10, decimals, disabled: false };
    render(<NumberField label="Value" {...bounds} onChange={onChange} />);
    enter(entered);
    expect(onChange.mock.calls).toEqual(value === null ? [] : [[value]]);
    expect(isInvalid()).toBe(value === null);
  });

  it("is shown with its decimals, and sent only when it is changed", () => {
    const onChange = vi.fn();
    const bounds = { value: 12.345, min: 0, max: 100, decimals: 1, disabled: false };
    render(<NumberField label="Value" {...bounds} onChange={onChange} />);
    expect(field().value).toBe("12.3");
    expect(isInvalid()).toBe(false);
    fireEvent.blur(field());
    expect(onChange).not.toHaveBeenCalled();
  });

  it("may be absent where it can be cleared", () => {
    const [onChange, onClear] = [vi.fn(), vi.fn()];
    const props = { value: 3, min: 0, max: 10, disabled: false, onChange, onClear };
    render(<NumberField label="Value" {...props} />);
    enter("");
    expect(onClear).toHaveBeenCalledOnce();
    expect(onChange).not.toHaveBeenCalled();
    expect(isInvalid()).toBe(false);
  });
});

describe("a draft", () => {
  const draft = (rows?: number) => {
    const onCommit = vi.fn((value: string) => value !== "");
    const props = { label: "Value", value: "Old", disabled: false, onCommit };
    render(rows === undefined ? <DraftField {...props} /> : <DraftField {...props} rows={rows} />);
    return onCommit;
  };

  it("is taken on Enter in one line, and on leaving where lines break", () => {
    const oneLine = draft();
    enter("New");
    fireEvent.keyDown(field(), { key: "Enter" });
    expect(oneLine).toHaveBeenCalledWith("New");
    cleanup();
    const lines = draft(2);
    enter("New");
    fireEvent.keyDown(field(), { key: "Enter" });
    expect(lines).not.toHaveBeenCalled();
    fireEvent.blur(field());
    expect(lines).toHaveBeenCalledWith("New");
  });

  it("stays in the field, marked, when it is refused", () => {
    draft();
    enter("");
    fireEvent.blur(field());
    expect(field().value).toBe("");
    expect(isInvalid()).toBe(true);
  });
});

describe("a draft that somebody else has overtaken", () => {
  const overtaken = () => {
    const onCommit = vi.fn((value: string) => value !== "");
    const props = { label: "Value", disabled: false, onCommit };
    const { rerender } = render(<DraftField {...props} value="Old" />);
    enter("Mine");
    rerender(<DraftField {...props} value="Theirs" />);
    fireEvent.blur(field());
    return onCommit;
  };

  it("is shown with theirs before it takes its place", () => {
    const onCommit = overtaken();
    expect(onCommit).not.toHaveBeenCalled();
    expect(field().value).toBe("Mine");
    expect(isInvalid()).toBe(true);
    expect(screen.getByRole("alert").textContent).toContain("“Theirs”");
    fireEvent.blur(field());
    expect(onCommit).toHaveBeenCalledWith("Mine");
    expect(screen.queryByRole("alert")).toBeNull();
  });

  it("gives way to theirs on Escape", () => {
    const onCommit = overtaken();
    fireEvent.keyDown(field(), { key: "Escape" });
    expect(field().value).toBe("Theirs");
    expect(onCommit).not.toHaveBeenCalled();
    expect(isInvalid()).toBe(false);
  });
});

it("says beside a form's field what is wrong with it, or what to know", () => {
  const note = () => document.getElementById(field().getAttribute("aria-describedby") ?? "");
  const props = { label: "Value", hint: "Ten letters", value: "", onChange: () => {} };
  const { rerender } = render(<FormField {...props} error={null} />);
  expect(note()?.textContent).toBe("Ten letters");
  rerender(<FormField {...props} error="Too short." />);
  expect(note()?.textContent).toBe("Too short.");
  expect(isInvalid()).toBe(true);
});
