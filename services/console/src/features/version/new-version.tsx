import { RotateCw } from "lucide-react";
import { useEffect, useState } from "react";
import { appUrl } from "../../base-url.ts";
import { useObservable } from "../../observable.ts";
import { useRuntime } from "../../runtime-context.ts";
import { consoleVersion } from "../../version.ts";

/** Offers a reload when the server brings a newer console. It never reloads by itself. */
export function NewVersion() {
  const session = useObservable(useRuntime().connection.session);
  const [isNew, setNew] = useState(false);

  // Each new connection may be to a newer server.
  useEffect(() => {
    if (!session) return;
    void servedVersion().then((served) => setNew(served !== null && served !== consoleVersion));
  }, [session]);

  if (!isNew) return null;
  return (
    <button type="button" className="button" onClick={() => location.reload()}>
      <RotateCw size={16} aria-hidden />
      New version – reload
    </button>
  );
}

async function servedVersion(): Promise<string | null> {
  try {
    const answer: unknown = await (await fetch(appUrl("version.json"))).json();
    const version = (answer as { console?: unknown } | null)?.console;
    return typeof version === "string" ? version : null;
  } catch {
    return null;
  }
}
