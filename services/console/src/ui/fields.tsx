import { type ComponentProps, type KeyboardEvent, type ReactNode, useId, useState } from "react";

interface FieldProps {
  readonly label: string;
  readonly children: (id: string) => ReactNode;
}

export function Field({ label, children }: FieldProps) {
  const id = useId();
  return (
    <div className="field">
      <label className="field__label" htmlFor={id}>
        {label}
      </label>
      {children(id)}
    </div>
  );
}

interface FormFieldProps extends Omit<ComponentProps<"input">, "id" | "className" | "onChange"> {
  readonly label: string;
  /** What to know before filling it in. */
  readonly hint?: string | undefined;
  /** Why its value was refused. */
  readonly error: string | null;
  readonly onChange: (value: string) => void;
}

/** A field of a form that is sent as a whole, with what the server says of it beside it. */
export function FormField({ label, hint, error, onChange, ...input }: FormFieldProps) {
  const noteId = useId();
  const note = error ?? hint;
  return (
    <Field label={label}>
      {(id) => (
        <>
          <input
            id={id}
            className="input"
            aria-invalid={error !== null}
            aria-describedby={note ? noteId : undefined}
            onChange={(event) => onChange(event.target.value)}
            {...input}
          />
          {note && (
            <p id={noteId} className="field__note" data-tone={error ? "bad" : undefined}>
              {note}
            </p>
          )}
        </>
      )}
    </Field>
  );
}

interface DraftFieldProps {
  readonly label: string;
  readonly value: string;
  readonly disabled: boolean;
  readonly maxLength?: number;
  /** So many lines high, for text with line breaks; one line when absent. */
  readonly rows?: number;
  /** Whether nobody may read over the shoulder, and no browser may keep it. */
  readonly isSecret?: boolean;
  /** Takes a finished value; the result says whether it is one. */
  readonly onCommit: (value: string) => boolean;
}

/** What is being written, and what was there when that began. */
interface Draft {
  readonly text: string;
  readonly over: string;
}

/**
 * A text that is taken when it is finished: on leaving the field, or on Enter where it is one line. Where
 * somebody else has changed it since it was begun, both versions are shown first.
 */
export function DraftField(props: DraftFieldProps) {
  const { label, value, disabled, maxLength, rows, isSecret, onCommit } = props;
  const [draft, setDraft] = useState<Draft | null>(null);
  const [refused, setRefused] = useState(false);
  const [met, setMet] = useState(false);
  const noteId = useId();

  const commit = () => {
    if (draft === null) return;
    const meets = draft.over !== value && draft.text !== value;
    setMet(meets);
    // The person knows of theirs from now on.
    if (meets) setDraft({ ...draft, over: value });
    if (meets) return;
    const taken = draft.text === value || onCommit(draft.text);
    setRefused(!taken);
    if (taken) setDraft(null);
  };
  const drop = () => {
    setDraft(null);
    setRefused(false);
    setMet(false);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter" && rows === undefined) commit();
    if (event.key === "Escape" && draft !== null) {
      event.stopPropagation();
      drop();
    }
  };
  const write = (text: string) => setDraft({ text, over: draft?.over ?? value });

  return (
    <Field label={label}>
      {(id) => {
        const field = {
          id,
          className: "input",
          value: draft?.text ?? value,
          disabled,
          maxLength,
          "aria-invalid": refused || met,
          "aria-describedby": met ? noteId : undefined,
          onChange: (event: { target: { value: string } }) => write(event.target.value),
          onBlur: commit,
          onKeyDown,
          ...(isSecret && { type: "password", autoComplete: "new-password" }),
        };
        return (
          <>
            {rows === undefined ? <input {...field} /> : <textarea rows={rows} {...field} />}
            {met && (
              <p id={noteId} className="field__note" data-tone="warn" role="alert">
                Somebody else wrote “{value}” meanwhile. Leave the field again to replace it; Escape
                takes theirs.
              </p>
            )}
          </>
        );
      }}
    </Field>
  );
}

interface NumberFieldProps {
  readonly label: string;
  /** `null` only where it can be cleared. */
  readonly value: number | null;
  readonly min: number;
  readonly max: number;
  /** Digits after the point that are shown and taken; none when absent. */
  readonly decimals?: number;
  readonly disabled: boolean;
  readonly onChange: (value: number) => void;
  /** Takes an empty field, where a value may be absent. */
  readonly onClear?: () => void;
}

/** A number within bounds; what is not one stays in the field, marked, and is not sent. */
export function NumberField(props: NumberFieldProps) {
  const { label, value, min, max, decimals = 0, disabled, onChange, onClear } = props;
  const [draft, setDraft] = useState<string | null>(null);
  const text = draft ?? (value === null ? "" : String(Number(value.toFixed(decimals))));
  const isNumber = (entered: string) => {
    const number = Number(entered);
    const fits = Number(number.toFixed(decimals)) === number;
    return entered.trim() !== "" && fits && number >= min && number <= max;
  };
  const isCleared = (entered: string) => entered.trim() === "" && onClear !== undefined;
  return (
    <Field label={label}>
      {(id) => (
        <input
          id={id}
          className="input"
          type="number"
          value={text}
          min={min}
          max={max}
          step={10 ** -decimals}
          disabled={disabled}
          aria-invalid={!isNumber(text) && !isCleared(text)}
          onChange={(event) => {
            const entered = event.target.value;
            setDraft(entered);
            if (isNumber(entered)) onChange(Number(entered));
            // A field that holds no number at all is empty to the page too.
            else if (isCleared(entered) && !event.target.validity.badInput) onClear?.();
          }}
          onBlur={() => setDraft(null)}
        />
      )}
    </Field>
  );
}

interface SelectFieldProps<T extends string> {
  readonly label: string;
  readonly value: T;
  /** The values in words, in the order they are offered. */
  readonly options: Readonly<Record<T, string>>;
  readonly disabled: boolean;
  readonly onChange: (value: T) => void;
}

export function SelectField<T extends string>(props: SelectFieldProps<T>) {
  const { label, value, options, disabled, onChange } = props;
  return (
    <Field label={label}>
      {(id) => (
        <select
          id={id}
          className="input"
          value={value}
          disabled={disabled}
          onChange={(event) => onChange(event.target.value as T)}
        >
          {(Object.keys(options) as T[]).map((option) => (
            <option key={option} value={option}>
              {options[option]}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

interface CheckFieldProps {
  readonly label: string;
  readonly checked: boolean;
  readonly disabled: boolean;
  readonly onChange: (checked: boolean) => void;
}

export function CheckField({ label, checked, disabled, onChange }: CheckFieldProps) {
  return (
    <label className="check">
      <input
        type="checkbox"
        checked={checked}
        disabled={disabled}
        onChange={(event) => onChange(event.target.checked)}
      />
      {label}
    </label>
  );
}

interface ColorFieldProps {
  readonly label: string;
  /** `#rrggbb` or `#rrggbbaa`. */
  readonly value: string;
  readonly disabled: boolean;
  readonly onChange: (value: string) => void;
}

/** A colour; its alpha, which the browser's own field does not know, is kept. */
export function ColorField({ label, value, disabled, onChange }: ColorFieldProps) {
  return (
    <Field label={label}>
      {(id) => (
        <input
          id={id}
          className="input"
          type="color"
          value={value.slice(0, 7)}
          disabled={disabled}
          onChange={(event) => onChange(event.target.value + value.slice(7))}
        />
      )}
    </Field>
  );
}
