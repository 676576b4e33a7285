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
  /** Takes a finished value; the result says whether it is one. */
  readonly onCommit: (value: string) => boolean;
}

/** A text that is taken when it is finished: on Enter, or on leaving the field. */
export function DraftField({ label, value, disabled, maxLength, onCommit }: DraftFieldProps) {
  const [draft, setDraft] = useState<string | null>(null);
  const [refused, setRefused] = useState(false);

  const commit = () => {
    if (draft === null) return;
    const taken = draft === value || onCommit(draft);
    setRefused(!taken);
    if (taken) setDraft(null);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter") commit();
    if (event.key === "Escape" && draft !== null) {
      event.stopPropagation();
      setDraft(null);
      setRefused(false);
    }
  };

  return (
    <Field label={label}>
      {(id) => (
        <input
          id={id}
          className="input"
          value={draft ?? value}
          disabled={disabled}
          maxLength={maxLength}
          aria-invalid={refused}
          onChange={(event) => setDraft(event.target.value)}
          onBlur={commit}
          onKeyDown={onKeyDown}
        />
      )}
    </Field>
  );
}

interface NumberFieldProps {
  readonly label: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly disabled: boolean;
  readonly onChange: (value: number) => void;
}

/** A whole number within bounds; what is not one stays in the field, marked, and is not sent. */
export function NumberField({ label, value, min, max, disabled, onChange }: NumberFieldProps) {
  const [draft, setDraft] = useState<string | null>(null);
  const text = draft ?? String(value);
  const isValid = (entered: string) => {
    const number = Number(entered);
    return entered.trim() !== "" && Number.isInteger(number) && number >= min && number <= max;
  };
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
          disabled={disabled}
          aria-invalid={!isValid(text)}
          onChange={(event) => {
            setDraft(event.target.value);
            if (isValid(event.target.value)) onChange(Number(event.target.value));
          }}
          onBlur={() => setDraft(null)}
        />
      )}
    </Field>
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
