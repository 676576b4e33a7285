import { type FormEvent, useEffect, useState } from "react";
import { outcomeOf } from "../../api/client.ts";
import type { Failure } from "../../api/problem.ts";
import type { TemplateSummary } from "../../api/types.ts";
import { useRuntime } from "../../runtime-context.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { ColorField, Field, FormField } from "../../ui/fields.tsx";
import { Message } from "../../ui/message.tsx";
import { type Property, propertiesOf, sent, textOf } from "./schema.ts";

/** The templates, and a form for the parameters of the chosen one. */
export function TemplateDialog({ onClose }: { readonly onClose: () => void }) {
  const { api, layers, stream } = useRuntime();
  const [templates, setTemplates] = useState<readonly TemplateSummary[]>([]);
  const [chosen, setChosen] = useState<string | null>(null);
  const [written, setWritten] = useState<Readonly<Record<string, string>>>({});
  const [name, setName] = useState("");
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  // The layers go into the scene that was shown when the dialog was opened.
  const [scene] = useState(() => layers.scene.get()?.id);
  const template = templates.find((known) => known.name === chosen) ?? templates[0];
  const properties = propertiesOf(template?.parameters ?? {});

  useEffect(() => {
    void outcomeOf(api.GET("/api/templates", { params: { query: { stream } } })).then((outcome) => {
      if (outcome.ok) setTemplates(outcome.data.templates);
      else setFailure(outcome.failure);
    });
  }, [api, stream]);

  const remove = async ({ name: gone }: TemplateSummary) => {
    const params = { path: { name: gone }, query: { stream } };
    const outcome = await outcomeOf(api.DELETE("/api/templates/{name}", { params }));
    setFailure(outcome.ok ? null : outcome.failure);
    if (outcome.ok) setTemplates(templates.filter(({ name: known }) => known !== gone));
  };

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy || !template) return;
    setBusy(true);
    const values = properties.map((property) => [
      property.name,
      sent(property, written[property.name] ?? textOf(property)),
    ]);
    const parameters = Object.fromEntries(values.filter(([, value]) => value !== undefined));
    const outcome = await outcomeOf(
      api.POST("/api/templates/{name}", {
        params: { path: { name: template.name }, query: scene ? { stream, scene } : { stream } },
        body: { ...(name.trim() !== "" && { name: name.trim() }), parameters },
      }),
    );
    setBusy(false);
    setFailure(outcome.ok ? null : outcome.failure);
    if (!outcome.ok) return;
    void layers.load();
    onClose();
  };

  const errorOf = (property: string) =>
    failure?.fields.find(({ pointer }) => pointer.startsWith(`/parameters/${property}`))?.detail ??
    null;
  return (
    <Dialog title="Add from a template" onClose={onClose}>
      <form onSubmit={submit}>
        <div className="dialog__body">
          <fieldset>
            <legend className="field__label">Template</legend>
            <div className="kinds">
              {templates.map((known) => (
                <label key={known.name} className="kinds__kind">
                  <input
                    type="radio"
                    name="template"
                    checked={known === template}
                    data-default={known === template || undefined}
                    onChange={() => {
                      setChosen(known.name);
                      setWritten({});
                      setFailure(null);
                    }}
                  />
                  {known.title}
                </label>
              ))}
            </div>
          </fieldset>
          <p>{template?.description}</p>
          {template?.saved && (
            <p>
              Saved by {template.saved.user_name}.{" "}
              <button
                type="button"
                className="button button--danger"
                onClick={() => void remove(template)}
              >
                Delete the template
              </button>
            </p>
          )}
          <FormField
            label="Name of the group"
            error={null}
            value={name}
            maxLength={100}
            placeholder={template?.title}
            onChange={setName}
          />
          {properties.map((property) => (
            <ParameterField
              key={`${template?.name} ${property.name}`}
              property={property}
              value={written[property.name] ?? textOf(property)}
              error={errorOf(property.name)}
              onChange={(value) => setWritten({ ...written, [property.name]: value })}
            />
          ))}
          {failure && (
            <Message tone="bad" alert>
              {failure.message}
            </Message>
          )}
        </div>
        <div className="dialog__actions">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button
            type="submit"
            className="button button--primary"
            disabled={!template}
            aria-disabled={busy}
          >
            {busy ? "Adding…" : "Add to the front"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

interface ParameterFieldProps {
  readonly property: Property;
  readonly value: string;
  readonly error: string | null;
  readonly onChange: (value: string) => void;
}

function ParameterField({ property, value, error, onChange }: ParameterFieldProps) {
  const { title, type, format } = property;
  if (property.enum || type === "boolean") {
    const options = property.enum ?? ["true", "false"];
    return (
      <Field label={title}>
        {(id) => (
          <select
            id={id}
            className="input"
            value={value}
            onChange={(event) => onChange(event.target.value)}
          >
            {options.map((option) => (
              <option key={option} value={option}>
                {type === "boolean" ? (option === "true" ? "Yes" : "No") : option}
              </option>
            ))}
          </select>
        )}
      </Field>
    );
  }
  if (format === "color") {
    return <ColorField label={title} value={value} disabled={false} onChange={onChange} />;
  }
  return (
    <FormField
      label={title}
      error={error}
      hint={type === "object" ? "JSON: the kind and the source of a layer" : undefined}
      type={
        type === "integer" || type === "number"
          ? "number"
          : format === "date-time"
            ? "datetime-local"
            : "text"
      }
      min={property.minimum}
      max={property.maximum}
      maxLength={property.maxLength}
      value={value}
      onChange={onChange}
    />
  );
}
