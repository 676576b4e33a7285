import { FileUp } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import type { Failure } from "../../api/problem.ts";
import { sendFile } from "../../api/send-file.ts";
import type { Session } from "../../api/session.ts";
import type { ImportedScene, ListedScene } from "../../api/types.ts";
import { appUrl } from "../../base-url.ts";
import { useRuntime } from "../../runtime-context.ts";
import { Message } from "../../ui/message.tsx";

/** Lets the browser save a scene as one file. False when it cannot be fetched now. */
export async function saveScene(
  session: Session,
  { id, name }: Pick<ListedScene, "id" | "name">,
  stream: string,
): Promise<boolean> {
  // A browser that saves a file sends no header: it is let in by a cookie.
  if (!(await session.proveByCookie())) return false;
  const link = document.createElement("a");
  const address = appUrl(`api/scenes/${encodeURIComponent(id)}/export`);
  address.searchParams.set("stream", stream);
  link.href = address.href;
  link.download = `${name}.scene.zip`;
  link.click();
  return true;
}

/** What came with a scene, in words. */
export function broughtIn({ scene, needs_secrets }: ImportedScene): string {
  const count = scene.layers.length;
  const layers = count === 1 ? "1 layer" : `${count} layers`;
  const came = `“${scene.name}” was brought in with ${layers}.`;
  const named = scene.layers.filter(({ id }) => needs_secrets.includes(id));
  if (named.length === 0) return came;
  const names = named.map(({ name }) => `“${name}”`).join(", ");
  return `${came} Passwords are in no file: set them again of ${names}.`;
}

/** Takes a scene in from a file, and says what came. */
export function ImportScene({ blocked }: { readonly blocked: string | null }) {
  const { session, scenes, stream } = useRuntime();
  const [progress, setProgress] = useState<number | null>(null);
  const [brought, setBrought] = useState<ImportedScene | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const input = useRef<HTMLInputElement>(null);
  const leaving = useRef<AbortController>(null);
  useEffect(() => {
    leaving.current = new AbortController();
    return () => leaving.current?.abort();
  }, []);

  const send = async () => {
    const [file] = input.current?.files ?? [];
    if (!file || !leaving.current) return;
    setFailure(null);
    setBrought(null);
    setProgress(0);
    const sent = await sendFile(session, {
      path: `api/scenes/import?stream=${encodeURIComponent(stream)}`,
      body: file,
      mediaType: "application/zip",
      onProgress: setProgress,
      signal: leaving.current.signal,
    });
    setProgress(null);
    // The same file may be chosen again.
    if (input.current) input.current.value = "";
    if (!sent.ok) {
      setFailure(sent.failure);
      return;
    }
    setBrought(sent.body as ImportedScene);
    await scenes.load();
  };

  return (
    <div className="scenes__import">
      <button
        type="button"
        className="button button--quiet"
        disabled={blocked !== null || progress !== null}
        title={blocked ?? "A file that came of “Export … as a file”, here or elsewhere"}
        onClick={() => input.current?.click()}
      >
        <FileUp size={16} aria-hidden />
        {progress === null ? "Import scene" : `Importing: ${Math.floor(progress * 100)} %`}
      </button>
      <input
        ref={input}
        className="visually-hidden"
        type="file"
        tabIndex={-1}
        aria-label="Scene file"
        accept=".zip,application/zip"
        onChange={() => void send()}
      />
      {brought && (
        <Message
          tone={brought.needs_secrets.length > 0 ? "warn" : "ok"}
          alert
          onDismiss={() => setBrought(null)}
        >
          {broughtIn(brought)}
        </Message>
      )}
      {failure && (
        <Message tone="bad" alert onDismiss={() => setFailure(null)}>
          {failure.message}
        </Message>
      )}
    </div>
  );
}
