import { useEffect, useState } from "react";
import { outcomeOf } from "../../api/client.ts";
import type { Asset } from "../../api/types.ts";
import { useRuntime } from "../../runtime-context.ts";
import { Field } from "../../ui/fields.tsx";
import { Message } from "../../ui/message.tsx";
import { upload } from "./upload.ts";

interface FontChoiceProps {
  /** The uploaded font, or null for one of the system. */
  readonly font: string | null;
  readonly disabled: boolean;
  readonly choose: (font: string | null) => void;
}

/** An uploaded font: none until somebody asks for the list. */
export function FontChoice(props: FontChoiceProps) {
  const [open, setOpen] = useState(false);
  if (open) return <FontList {...props} />;
  return (
    <button type="button" className="button" onClick={() => setOpen(true)}>
      {props.font ? "Change the uploaded font" : "Use an uploaded font"}
    </button>
  );
}

function FontList({ font, disabled, choose }: FontChoiceProps) {
  const { api, session } = useRuntime();
  const [fonts, setFonts] = useState<readonly Asset[]>([]);
  const [problem, setProblem] = useState<string | null>(null);

  useEffect(() => {
    let gone = false;
    void outcomeOf(api.GET("/api/assets")).then((outcome) => {
      if (gone) return;
      if (outcome.ok) setFonts(outcome.data.filter(({ kind }) => kind === "font"));
      else setProblem(outcome.failure.message);
    });
    return () => {
      gone = true;
    };
  }, [api]);

  const send = async (file: File | undefined) => {
    if (!file) return;
    const sent = await upload(session, file, () => {}, new AbortController().signal);
    setProblem(sent.ok ? null : sent.failure.message);
    if (!sent.ok) return;
    setFonts((known) => [...known.filter(({ id }) => id !== sent.asset.id), sent.asset]);
    choose(sent.asset.id);
  };

  return (
    <div className="layer-editor__row">
      <Field label="Uploaded font">
        {(id) => (
          <select
            id={id}
            className="input"
            value={font ?? ""}
            disabled={disabled}
            onChange={(event) => choose(event.target.value || null)}
          >
            <option value="">None</option>
            {fonts.map(({ id: asset, name }) => (
              <option key={asset} value={asset}>
                {name}
              </option>
            ))}
          </select>
        )}
      </Field>
      <Field label="Upload a font (TTF or OTF)">
        {(id) => (
          <input
            id={id}
            className="input"
            type="file"
            accept=".ttf,.otf,font/ttf,font/otf"
            disabled={disabled}
            onChange={(event) => void send(event.target.files?.[0])}
          />
        )}
      </Field>
      {problem && (
        <Message tone="bad" alert onDismiss={() => setProblem(null)}>
          {problem}
        </Message>
      )}
    </div>
  );
}
