import { Film, Image, type LucideIcon, Music, Type } from "lucide-react";
import { useEffect, useState } from "react";
import type { AssetKind, UsedAsset } from "../../api/types.ts";
import { appUrl } from "../../base-url.ts";
import { useRuntime } from "../../runtime-context.ts";

const ICONS: Record<AssetKind, LucideIcon> = {
  image: Image,
  video: Film,
  audio: Music,
  font: Type,
};

/** A small picture of a file, or what kind it is of where there is none. */
export function Thumbnail({ asset }: { readonly asset: UsedAsset }) {
  const url = usePicture(asset.thumbnail ? asset.id : null);
  const Icon = ICONS[asset.kind];
  return (
    <div className="asset__picture" data-kind={asset.kind}>
      {/* The name is beside it. */}
      {url ? <img src={url} alt="" /> : <Icon size={28} aria-hidden />}
    </div>
  );
}

/** An address of the picture in this page: a picture's own would be asked for without a token. */
function usePicture(id: string | null): string | null {
  const { session } = useRuntime();
  const [url, setUrl] = useState<string | null>(null);
  useEffect(() => {
    if (id === null) return;
    const leaving = new AbortController();
    let shown: string | null = null;
    const request = new Request(appUrl(`api/assets/${id}/thumbnail`), { signal: leaving.signal });
    void session
      .fetch(request)
      .then(async (answer) => {
        if (!answer.ok) return;
        const picture = await answer.blob();
        if (leaving.signal.aborted) return;
        shown = URL.createObjectURL(picture);
        setUrl(shown);
      })
      // Without it the icon stays.
      .catch(() => {});
    return () => {
      leaving.abort();
      setUrl(null);
      if (shown) URL.revokeObjectURL(shown);
    };
  }, [id, session]);
  return url;
}
