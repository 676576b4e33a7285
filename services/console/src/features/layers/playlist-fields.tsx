import { ArrowDown, ArrowUp, Trash2 } from "lucide-react";
import { useEffect, useState } from "react";
import { outcomeOf } from "../../api/client.ts";
import type { Asset, Layer, PlaylistItem, PlaylistSource } from "../../api/types.ts";
import { useRuntime } from "../../runtime-context.ts";
import { CheckField, Field, NumberField } from "../../ui/fields.tsx";
import { IconButton } from "../../ui/icon-button.tsx";
import { Message } from "../../ui/message.tsx";
import { EndFields } from "./end-fields.tsx";
import type { Patch } from "./patch.ts";
import { moved, replaced, without } from "./playlist.ts";
import { ACCEPTED, upload } from "./upload.ts";

interface PlaylistFieldsProps {
  readonly layer: Layer;
  readonly source: PlaylistSource;
  readonly disabled: boolean;
  readonly change: (source: Patch) => void;
}

/** The files of a playlist, in their order, and what follows the last. */
export function PlaylistFields({ layer, source, disabled, change }: PlaylistFieldsProps) {
  const { api, session } = useRuntime();
  const [assets, setAssets] = useState<readonly Asset[]>([]);
  const [problem, setProblem] = useState<string | null>(null);
  const { items } = source;

  useEffect(() => {
    let gone = false;
    void outcomeOf(api.GET("/api/assets")).then((outcome) => {
      if (gone) return;
      if (outcome.ok) setAssets(outcome.data.filter(({ kind }) => kind !== "font"));
      else setProblem(outcome.failure.message);
    });
    return () => {
      gone = true;
    };
  }, [api]);

  const append = (asset: string) => change({ items: [...items, { asset }] });
  const send = async (file: File | undefined) => {
    if (!file) return;
    const sent = await upload(session, file, () => {}, new AbortController().signal);
    setProblem(sent.ok ? null : sent.failure.message);
    if (!sent.ok) return;
    setAssets((known) => [...known.filter(({ id }) => id !== sent.asset.id), sent.asset]);
    append(sent.asset.id);
  };

  return (
    <>
      <ol className="playlist" aria-label={`Files of ${layer.name}`}>
        {items.map((item, place) => (
          <Item
            // The same file may be there twice.
            // biome-ignore lint/suspicious/noArrayIndexKey: items have no other identity
            key={`${place} ${item.asset}`}
            item={item}
            asset={assets.find(({ id }) => id === item.asset)}
            place={place}
            count={items.length}
            disabled={disabled}
            change={(changed) => change({ items: changed(items) })}
          />
        ))}
      </ol>
      <div className="layer-editor__row">
        <Field label="Add a file that is here">
          {(id) => (
            <select
              id={id}
              className="input"
              value=""
              disabled={disabled}
              onChange={(event) => append(event.target.value)}
            >
              <option value="" disabled>
                Choose a file
              </option>
              {assets.map(({ id: asset, name }) => (
                <option key={asset} value={asset}>
                  {name}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field label="Upload and add a file">
          {(id) => (
            <input
              id={id}
              className="input"
              type="file"
              accept={Object.values(ACCEPTED).join()}
              disabled={disabled}
              onChange={(event) => void send(event.target.files?.[0])}
            />
          )}
        </Field>
      </div>
      <div className="layer-editor__row">
        <CheckField
          label="Shuffle"
          checked={source.shuffle ?? false}
          disabled={disabled}
          onChange={(shuffle) => change({ shuffle })}
        />
        <EndFields layer={layer} source={source} disabled={disabled} change={change} />
      </div>
      {problem && (
        <Message tone="bad" alert onDismiss={() => setProblem(null)}>
          {problem}
        </Message>
      )}
    </>
  );
}

interface ItemProps {
  readonly item: PlaylistItem;
  /** Not known before the list of files has come. */
  readonly asset: Asset | undefined;
  readonly place: number;
  readonly count: number;
  readonly disabled: boolean;
  readonly change: (changed: (items: readonly PlaylistItem[]) => PlaylistItem[]) => void;
}

function Item({ item, asset, place, count, disabled, change }: ItemProps) {
  const name = asset?.name ?? `File ${place + 1}`;
  return (
    <li className="playlist__item">
      <span className="playlist__name">{name}</span>
      {asset?.kind === "image" && (
        <NumberField
          label={`Milliseconds of ${name}`}
          value={item.duration_ms ?? 10_000}
          min={100}
          max={604_800_000}
          disabled={disabled}
          onChange={(duration_ms) =>
            change((items) => replaced(items, place, { ...item, duration_ms }))
          }
        />
      )}
      <IconButton
        icon={ArrowUp}
        label={`Play ${name} earlier`}
        disabled={disabled || place === 0}
        onClick={() => change((items) => moved(items, place, place - 1))}
      />
      <IconButton
        icon={ArrowDown}
        label={`Play ${name} later`}
        disabled={disabled || place === count - 1}
        onClick={() => change((items) => moved(items, place, place + 1))}
      />
      <IconButton
        icon={Trash2}
        label={`Take ${name} out of the list`}
        disabled={disabled || count === 1}
        onClick={() => change((items) => without(items, place))}
      />
    </li>
  );
}
