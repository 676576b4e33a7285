import { ChevronDown, ChevronRight, Download, ZoomOut } from "lucide-react";
import { useCallback, useEffect, useState } from "react";
import { useObservable } from "../../observable.ts";
import { useForbidden, useRuntime } from "../../runtime-context.ts";
import { Message } from "../../ui/message.tsx";
import { useBlocked } from "../link/use-link.ts";
import { ChartView } from "./chart-view.tsx";
import { CHOICES, type Range, refreshOf } from "./ranges.ts";
import type { Format } from "./store.ts";
import "./history.css";

const FIRST: Range = { kind: "last", id: "1h" };

/** How the stream did: charts over a chosen range, and the same as a file. */
export function HistoryPanel() {
  const forbidden = useForbidden("read-metrics");
  return forbidden ? null : <Panel />;
}

function Panel() {
  const [open, setOpen] = useState(false);
  const Icon = open ? ChevronDown : ChevronRight;
  return (
    <section className="panel history" aria-labelledby="history-title">
      <header className="panel__head">
        <h2 id="history-title" className="panel__title history__title">
          <button
            type="button"
            className="history__toggle"
            aria-expanded={open}
            onClick={() => setOpen(!open)}
          >
            <Icon size={16} aria-hidden />
            History
          </button>
        </h2>
      </header>
      {open && <Body />}
    </section>
  );
}

function Body() {
  const { history } = useRuntime();
  const shown = useObservable(history.charts);
  const failure = useObservable(history.failure);
  const [range, setRange] = useState<Range>(FIRST);
  const [before, setBefore] = useState<Range | null>(null);
  useFresh(range);

  const zoom = useCallback(
    (from: number, to: number) => {
      setBefore((before) => before ?? range);
      setRange({ kind: "between", from, to });
    },
    [range],
  );
  const choose = (range: Range) => {
    setBefore(null);
    setRange(range);
  };

  return (
    <>
      <div className="history__controls">
        <fieldset className="history__ranges">
          <legend className="visually-hidden">Range</legend>
          {CHOICES.map(({ id, label }) => (
            <button
              key={id}
              type="button"
              className="button"
              aria-pressed={range.kind === "last" && range.id === id}
              onClick={() => choose({ kind: "last", id })}
            >
              {label}
            </button>
          ))}
          {before && (
            <button type="button" className="button" onClick={() => choose(before)}>
              <ZoomOut size={16} aria-hidden />
              Zoom out
            </button>
          )}
        </fieldset>
        <ExportForm range={range} />
      </div>
      {failure && (
        <Message
          tone="warn"
          actions={
            <button type="button" className="button" onClick={() => void history.load(range)}>
              Try again
            </button>
          }
        >
          The history could not be read. {failure.message}
        </Message>
      )}
      {!shown && !failure && <p className="history__note">Waiting for the history…</p>}
      {shown && (
        <div className="history__charts" aria-busy={shown.range !== range}>
          {shown.charts.map((chart) => (
            <ChartView key={chart.metric} chart={chart} onZoom={zoom} />
          ))}
        </div>
      )}
    </>
  );
}

/** The kept rows of the range that is shown, as a file. */
function ExportForm({ range }: { readonly range: Range }) {
  const { history, session } = useRuntime();
  const blocked = useBlocked();
  const [format, setFormat] = useState<Format>("csv");
  const [failed, setFailed] = useState(false);

  const download = async () => {
    // A browser that saves a file sends no header: it is let in by a cookie.
    const proven = await session.proveByCookie();
    setFailed(!proven);
    if (!proven) return;
    const link = document.createElement("a");
    link.href = history.address(range, format);
    link.download = `samples.${format}`;
    link.click();
  };

  return (
    <div className="history__export">
      <label>
        <span className="visually-hidden">Form of the file</span>
        <select
          className="field__input"
          value={format}
          onChange={(event) => setFormat(event.target.value as Format)}
        >
          <option value="csv">CSV</option>
          <option value="ndjson">NDJSON</option>
          <option value="parquet">Parquet</option>
        </select>
      </label>
      <button
        type="button"
        className="button"
        disabled={blocked !== null}
        title={blocked ?? undefined}
        onClick={() => void download()}
      >
        <Download size={16} aria-hidden />
        Export
      </button>
      {failed && <span className="history__failure">It cannot be fetched now. Try again.</span>}
    </div>
  );
}

/** Reads the range, and a range up to now again and again while somebody looks. */
function useFresh(range: Range): void {
  const { history } = useRuntime();
  useEffect(() => {
    void history.load(range);
    const every = refreshOf(range);
    if (every === null) return;
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") void history.load(range);
    }, every);
    return () => clearInterval(timer);
  }, [history, range]);
}
