import { Minus, Plus, Trash2 } from "lucide-react";
import { type FormEvent, useState } from "react";
import { useObservable } from "../../observable.ts";
import { useRuntime } from "../../runtime-context.ts";
import { DraftField, FormField } from "../../ui/fields.tsx";
import { IconButton } from "../../ui/icon-button.tsx";
import { Message } from "../../ui/message.tsx";
import { readValue, rewritten, type Value } from "./store.ts";
import "./variables.css";

/** The values that texts on air show where they say `{{name}}`. */
export function VariablesPanel({ blocked }: { readonly blocked: string | null }) {
  const { variables: store } = useRuntime();
  const variables = useObservable(store.variables);
  const failure = useObservable(store.failure);
  const values = Object.entries(variables?.values ?? {});
  return (
    <details className="variables">
      <summary className="variables__title">Variables{` (${values.length})`}</summary>
      <p className="layers__note">
        A text or ticker shows a value where it says {"{{name}}"}. {"{{viewers}}"}, {"{{uptime}}"}{" "}
        and {"{{clock}}"} are always there.
      </p>
      {failure && (
        <Message tone="warn" alert onDismiss={() => store.dismiss()}>
          {failure.fields[0]?.detail ?? failure.message}
        </Message>
      )}
      <ul className="variables__list">
        {values.map(([name, value]) => (
          <VariableRow key={name} name={name} value={value} disabled={blocked !== null} />
        ))}
      </ul>
      <NewVariable disabled={blocked !== null} />
    </details>
  );
}

interface VariableRowProps {
  readonly name: string;
  readonly value: Value;
  readonly disabled: boolean;
}

function VariableRow({ name, value, disabled }: VariableRowProps) {
  const { variables } = useRuntime();
  const step = (by: number) => void variables.set(name, Number(value) + by);
  return (
    <li className="variables__row">
      <DraftField
        label={name}
        value={String(value)}
        maxLength={200}
        disabled={disabled}
        onCommit={(text) => {
          const next = rewritten(value, text);
          if (next !== null) void variables.set(name, next);
          return next !== null;
        }}
      />
      {typeof value === "number" && (
        <>
          <IconButton
            icon={Minus}
            label={`One less for ${name}`}
            disabled={disabled}
            onClick={() => step(-1)}
          />
          <IconButton
            icon={Plus}
            label={`One more for ${name}`}
            disabled={disabled}
            onClick={() => step(1)}
          />
        </>
      )}
      <IconButton
        icon={Trash2}
        label={`Remove ${name}`}
        disabled={disabled}
        onClick={() => void variables.set(name, null)}
      />
    </li>
  );
}

function NewVariable({ disabled }: { readonly disabled: boolean }) {
  const { variables } = useRuntime();
  const [name, setName] = useState("");
  const [value, setValue] = useState("");
  const add = async (event: FormEvent) => {
    event.preventDefault();
    if (name === "" || !(await variables.set(name, readValue(value)))) return;
    setName("");
    setValue("");
  };
  return (
    <form className="variables__row" onSubmit={add}>
      <FormField
        label="New variable"
        error={null}
        value={name}
        maxLength={32}
        placeholder="home_score"
        disabled={disabled}
        onChange={setName}
      />
      <FormField
        label="Its value"
        error={null}
        value={value}
        maxLength={200}
        disabled={disabled}
        onChange={setValue}
      />
      <button type="submit" className="button" disabled={disabled || name === ""}>
        Set
      </button>
    </form>
  );
}
