import { useEffect, useRef } from "react";
import { theme } from "../../ui/theme.ts";
import type { Plot } from "./plot.ts";
import { extentOf, figureOf } from "./series.ts";
import type { Chart } from "./store.ts";

interface ChartViewProps {
  readonly chart: Chart;
  readonly onZoom: (from: number, to: number) => void;
}

/** One metric over time, and in words what the line says. */
export function ChartView({ chart, onZoom }: ChartViewProps) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | null>(null);
  const latest = useRef({ chart, onZoom });
  latest.current = { chart, onZoom };

  useEffect(() => {
    let gone = false;
    let stopTheme = () => {};
    // Only whoever opens the history fetches what draws it.
    void import("./plot.ts").then(({ Plot }) => {
      if (gone || !host.current) return;
      const { label, unit, columns } = latest.current.chart;
      const zoom = (from: number, to: number) => latest.current.onZoom(from, to);
      const drawn = new Plot(host.current, { label, unit, columns, onZoom: zoom });
      plot.current = drawn;
      stopTheme = theme.subscribe(() => drawn.redraw());
    });
    return () => {
      gone = true;
      stopTheme();
      plot.current?.destroy();
      plot.current = null;
    };
  }, []);

  useEffect(() => plot.current?.update(chart.columns), [chart]);

  return (
    <figure className="history__chart" data-metric={chart.metric}>
      <figcaption>
        <span className="history__label">{chart.label}</span>{" "}
        <span className="history__words">{wordsOf(chart)}</span>
      </figcaption>
      <div ref={host} className="history__plot" />
    </figure>
  );
}

function wordsOf({ columns, unit }: Chart): string {
  const extent = extentOf(columns);
  if (!extent) return "Nothing was measured.";
  const { mean, min, max, missing } = extent;
  const gaps = missing > 0 ? `, ${missing} of ${columns[0].length} steps without data` : "";
  return `${figureOf(mean)} ${unit} on average, ${figureOf(min)} to ${figureOf(max)}${gaps}`;
}
