import { Eye, Timer, TriangleAlert } from "lucide-react";
import { useEffect, useRef } from "react";
import { useObservable } from "../../observable.ts";
import { useRuntime } from "../../runtime-context.ts";
import { formatElapsed, formatNumber, UNKNOWN } from "../../ui/format.ts";
import { useTickingText } from "../../ui/use-ticker.ts";
import { LinkBadge } from "../link/link-badge.tsx";
import { useMayBeOld } from "../link/use-link.ts";
import { Brand } from "../session/brand.tsx";
import { UserMenu } from "../session/user-menu.tsx";
import { NewVersion } from "../version/new-version.tsx";
import { Controls } from "./controls.tsx";
import { StatusPill } from "./status-pill.tsx";
import "../session/session.css";
import "./live-bar.css";

/** Always on top: what the stream does, what this page's link does, and the way on and off air. */
export function LiveBar() {
  const state = useObservable(useRuntime().state.state);
  const old = useMayBeOld();
  const issues = state?.errors.length ?? 0;
  return (
    <header className="live-bar">
      <Brand />
      <div className="live-bar__stream" data-old={old || undefined}>
        <span id="stream-status" tabIndex={-1} data-testid="status">
          <StatusPill status={state?.status ?? null} />
        </span>
        <Elapsed />
        <Viewers />
        {issues > 0 && (
          <a className="live-bar__fact" href="#issues" data-tone="warn">
            <TriangleAlert size={16} aria-hidden />
            {issues} {issues === 1 ? "issue" : "issues"}
          </a>
        )}
      </div>
      <LinkBadge />
      <NewVersion />
      <Controls />
      <UserMenu />
    </header>
  );
}

function Elapsed() {
  const { state, serverClock } = useRuntime();
  const now = useObservable(state.state);
  const since = now && now.status !== "failed" ? now.live_since : null;
  const text = useTickingText<HTMLSpanElement>(() =>
    since ? formatElapsed(serverClock.since(since)) : UNKNOWN,
  );
  return (
    <span className="live-bar__fact" title="Time on air">
      <Timer size={16} aria-hidden />
      <span className="visually-hidden">Time on air</span>
      <span ref={text} />
    </span>
  );
}

/** Viewers change with each sample, and go around React with the other figures. */
function Viewers() {
  const { metrics } = useRuntime();
  const current = useRef<HTMLSpanElement>(null);
  const peak = useRef<HTMLSpanElement>(null);
  const audience = useRef<HTMLSpanElement>(null);
  useEffect(
    () =>
      metrics.onPaint(() => {
        const viewers = metrics.latest?.viewers;
        if (current.current) current.current.textContent = formatNumber(viewers?.current);
        if (peak.current) peak.current.textContent = formatNumber(viewers?.peak);
        if (audience.current) audience.current.textContent = inAll(viewers?.audience);
      }),
    [metrics],
  );
  return (
    <span
      className="live-bar__fact"
      title="Players now, the most there were, and who plays or follows in a page or program, each once"
    >
      <Eye size={16} aria-hidden />
      <span className="visually-hidden">Viewers now</span>
      <span ref={current} />
      <span className="live-bar__peak">
        peak <span ref={peak} /> <span ref={audience} data-testid="audience" />
      </span>
    </span>
  );
}

/** How many play or follow, where that is known. */
function inAll(audience: number | null | undefined): string {
  return audience == null ? "" : `· ${formatNumber(audience)} in all`;
}
