import { Cable, RefreshCw, Unplug } from "lucide-react";
import { useId, useState } from "react";
import { useObservable } from "../../observable.ts";
import { useRuntime } from "../../runtime-context.ts";
import { formatNumber } from "../../ui/format.ts";
import { useLinkWords } from "./use-link.ts";
import "./link-badge.css";

/** The state of this page's own link to the server. It looks unlike the stream's pill on purpose. */
export function LinkBadge() {
  const { connection } = useRuntime();
  const words = useLinkWords();
  const id = useId();
  const [open, setOpen] = useState(false);
  const Icon = words.tone === "bad" ? Unplug : Cable;
  return (
    <div className="link" data-tone={words.tone} data-testid="link">
      <button type="button" className="link__badge" popoverTarget={id} title={words.detail}>
        <Icon size={16} aria-hidden />
        <span className="link__prefix">Link</span>
        <span className="link__label">{words.label}</span>
      </button>
      {words.canRetry && (
        <button type="button" className="link__retry" onClick={() => connection.retryNow()}>
          <RefreshCw size={14} aria-hidden />
          Retry now
        </button>
      )}
      <div
        id={id}
        popover="auto"
        className="popover"
        onToggle={(event) => setOpen(event.newState === "open")}
      >
        {open && <LinkFigures detail={words.detail} />}
      </div>
    </div>
  );
}

function LinkFigures({ detail }: { readonly detail: string }) {
  const figures = useObservable(useRuntime().connection.figures);
  return (
    <div className="link__figures">
      <p>{detail}</p>
      <dl className="figures">
        <dt>Round trip</dt>
        <dd>{formatNumber(figures.roundTripMs)} ms</dd>
        <dt>Reconnects</dt>
        <dd>{figures.reconnects}</dd>
        <dt>Gaps closed</dt>
        <dd>{figures.gaps}</dd>
        <dt>Unreadable frames</dt>
        <dd>{figures.unreadable}</dd>
      </dl>
    </div>
  );
}
