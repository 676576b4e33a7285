import { MonitorOff } from "lucide-react";
import { useEffect, useMemo } from "react";
import { appUrl } from "../../base-url.ts";
import { systemClock } from "../../clock.ts";
import { useObservable } from "../../observable.ts";
import { useRuntime } from "../../runtime-context.ts";
import { PreviewPictures } from "./picture.ts";

interface PreviewPictureProps {
  /** The name of the scene in preview. */
  readonly name: string | null;
  /** Whether there is a picture to be had. */
  readonly wanted: boolean;
}

/** The scene in preview as it would be on air. */
export function PreviewPicture({ name, wanted }: PreviewPictureProps) {
  const { session, stream } = useRuntime();
  const pictures = useMemo(
    () =>
      new PreviewPictures({
        url: appUrl(`live/${stream}/preview.jpg`).href,
        fetch: session.fetch,
        clock: systemClock,
        isSeen: () => document.visibilityState === "visible",
        addressOf: (picture) => URL.createObjectURL(picture),
        forget: (url) => URL.revokeObjectURL(url),
      }),
    [session, stream],
  );
  const state = useObservable(pictures.state);
  useEffect(() => {
    if (!wanted) return;
    pictures.start();
    return () => pictures.stop();
  }, [pictures, wanted]);

  return (
    <figure
      className="scene-preview"
      data-stale={(state.kind === "shown" && state.stale) || undefined}
    >
      {wanted && state.kind === "shown" ? (
        <img src={state.url} alt={`Preview of ${name ?? "the next scene"}`} />
      ) : (
        <p className="scene-preview__note">
          <MonitorOff size={20} aria-hidden />
          {noteOf(name, wanted, state.kind === "failed")}
        </p>
      )}
      <figcaption className="scene-preview__name">Preview{name ? `: ${name}` : ""}</figcaption>
    </figure>
  );
}

function noteOf(name: string | null, wanted: boolean, failed: boolean): string {
  if (name === null) return "Choose a scene to see it here.";
  if (!wanted) return "There is a picture while the stream is on air.";
  return failed ? "No picture at the moment." : "Waiting for the first picture…";
}
