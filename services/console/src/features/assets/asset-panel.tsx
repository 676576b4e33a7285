import { RefreshCw, Trash2 } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import type { Failure } from "../../api/problem.ts";
import type { Layer, UsedAsset } from "../../api/types.ts";
import { useObservable } from "../../observable.ts";
import { useForbidden, useRuntime } from "../../runtime-context.ts";
import { Field } from "../../ui/fields.tsx";
import { IconButton } from "../../ui/icon-button.tsx";
import { Message } from "../../ui/message.tsx";
import { ACCEPTED, upload } from "../layers/upload.ts";
import { useBlocked } from "../link/use-link.ts";
import { DeleteAssetDialog } from "./delete-asset-dialog.tsx";
import { Thumbnail } from "./thumbnail.tsx";
import { figuresOf, usesOf } from "./words.ts";
import "./assets.css";

const FILES = [...Object.values(ACCEPTED), ".ttf,.otf,font/ttf,font/otf"].join();

/** The uploaded files, with what is known of each. Only for who may edit layers. */
export function AssetPanel() {
  const forbidden = useForbidden("edit-layers");
  return forbidden ? null : <Panel />;
}

function Panel() {
  const { assets: store, layers } = useRuntime();
  const assets = useObservable(store.assets);
  const failure = useObservable(store.failure);
  const blocked = useBlocked();
  const [deleting, setDeleting] = useState<UsedAsset | null>(null);
  const shown = filesOf(useObservable(layers.scene)?.layers);

  // A layer that comes, goes or shows another file changes where files are used.
  // biome-ignore lint/correctness/useExhaustiveDependencies: `shown` says when to ask again
  useEffect(() => {
    if (blocked === null) void store.load();
  }, [blocked, store, shown]);

  return (
    <section className="panel assets" aria-labelledby="assets-title">
      <header className="panel__head">
        <h2 id="assets-title" className="panel__title assets__title">
          Files
        </h2>
        <IconButton
          icon={RefreshCw}
          label="Look for files again"
          disabled={blocked !== null}
          onClick={() => void store.load()}
        />
      </header>
      {failure && <Message tone="warn">The files could not be read. {failure.message}</Message>}
      <UploadField blocked={blocked !== null} />
      {assets?.length === 0 && <p className="assets__note">Nothing was uploaded yet.</p>}
      <ul className="assets__grid" aria-label="Files">
        {assets?.map((asset) => (
          <Tile
            key={asset.id}
            asset={asset}
            blocked={blocked}
            onDelete={() => setDeleting(asset)}
          />
        ))}
      </ul>
      {deleting && <DeleteAssetDialog asset={deleting} onClose={() => setDeleting(null)} />}
    </section>
  );
}

/** Which layer shows which files, as one comparable value. */
function filesOf(layers: readonly Layer[] | undefined): string {
  const shown = layers?.map(({ id, source }) => {
    const { asset, items, style } = source as Partial<Record<string, unknown>>;
    return [id, asset, items, (style as { font_asset?: string } | undefined)?.font_asset];
  });
  return JSON.stringify(shown ?? null);
}

interface TileProps {
  readonly asset: UsedAsset;
  readonly blocked: string | null;
  readonly onDelete: () => void;
}

function Tile({ asset, blocked, onDelete }: TileProps) {
  const used = asset.uses.length > 0;
  const uses = usesOf(asset);
  return (
    <li className="asset" data-asset={asset.id} title={blocked ?? undefined}>
      <Thumbnail asset={asset} />
      <span className="asset__name" title={asset.name}>
        {asset.name}
      </span>
      <span className="asset__figures">{figuresOf(asset)}</span>
      <span
        className="asset__uses"
        data-on-air={asset.uses.some(({ on_air }) => on_air) || undefined}
      >
        {uses}
      </span>
      <IconButton
        icon={Trash2}
        label={used ? `${asset.name} is used: ${uses}` : `Delete ${asset.name}`}
        disabled={blocked !== null || used}
        onClick={onDelete}
      />
    </li>
  );
}

function UploadField({ blocked }: { readonly blocked: boolean }) {
  const { assets: store, session } = useRuntime();
  const [progress, setProgress] = useState<number | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const leaving = useRef<AbortController>(null);
  useEffect(() => {
    leaving.current = new AbortController();
    return () => leaving.current?.abort();
  }, []);

  const send = async (input: HTMLInputElement) => {
    const [file] = input.files ?? [];
    if (!file || !leaving.current) return;
    setFailure(null);
    setProgress(0);
    const sent = await upload(session, file, setProgress, leaving.current.signal);
    setProgress(null);
    // The same file may be chosen again.
    input.value = "";
    if (sent.ok) await store.load();
    else setFailure(sent.failure);
  };

  return (
    <div className="assets__upload">
      <Field label="Upload a picture, video, sound or font">
        {(id) => (
          <input
            id={id}
            className="input"
            type="file"
            accept={FILES}
            disabled={blocked || progress !== null}
            onChange={(event) => void send(event.currentTarget)}
          />
        )}
      </Field>
      {progress !== null && (
        <Field label={`Uploading: ${Math.floor(progress * 100)} %`}>
          {(id) => <progress id={id} className="upload" value={progress} max={1} />}
        </Field>
      )}
      {failure && (
        <Message tone="bad" alert onDismiss={() => setFailure(null)}>
          {failure.message}
        </Message>
      )}
    </div>
  );
}
