import { useObservable } from "../../observable.ts";
import type { Announcer } from "./announcer.ts";

/** Heard, not seen. Both regions are always there; screen readers miss those that come with text. */
export function LiveRegion({ announcer }: { readonly announcer: Announcer }) {
  const { text, urgent } = useObservable(announcer.current);
  return (
    <div className="visually-hidden">
      <div role="status">{urgent ? "" : text}</div>
      <div role="alert">{urgent ? text : ""}</div>
    </div>
  );
}
