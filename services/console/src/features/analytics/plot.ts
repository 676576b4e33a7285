import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { type Columns, figureOf } from "./series.ts";

/** Charts of this name have their crosshair in common. */
const CROSSHAIR = "history";
const HEIGHT = 150;
/** Five digits fit. */
const GUTTER = 64;

export interface PlotOptions {
  readonly label: string;
  readonly unit: string;
  readonly columns: Columns;
  /** A stretch was drawn over the chart, in milliseconds. */
  readonly onZoom: (from: number, to: number) => void;
}

/** A line of means over a band from the lowest to the highest value. */
export class Plot {
  private readonly chart: uPlot;
  private readonly sizes: ResizeObserver;

  constructor(host: HTMLElement, { label, unit, columns, onZoom }: PlotOptions) {
    const color = (name: string) => () => getComputedStyle(host).getPropertyValue(name).trim();
    const value = (_: uPlot, number: number | null) =>
      number === null || number === undefined ? "no data" : `${figureOf(number)} ${unit}`;
    const edge = { stroke: "transparent", points: { show: false }, spanGaps: false, value };
    const axis = {
      stroke: color("--muted"),
      grid: { stroke: color("--line"), width: 1 },
      ticks: { stroke: color("--line"), width: 1 },
    };
    this.chart = new uPlot(
      {
        width: host.clientWidth || 300,
        height: HEIGHT,
        cursor: {
          sync: { key: CROSSHAIR },
          drag: { x: true, y: false, setScale: false },
        },
        legend: { live: true },
        series: [
          { value: (_, at) => (at === null ? "" : new Date(at * 1000).toLocaleString("en-GB")) },
          { label, stroke: color("--accent"), width: 1.5, spanGaps: false, value },
          { label: "lowest", ...edge },
          { label: "highest", ...edge },
        ],
        bands: [{ series: [3, 2], fill: () => `${color("--accent")()}33` }],
        axes: [axis, { ...axis, size: GUTTER }],
        scales: { y: { range: (_, min, max) => [Math.min(0, min), max > 0 ? max * 1.05 : 1] } },
        hooks: {
          setSelect: [
            (chart) => {
              const { left, width } = chart.select;
              if (width < 4) return;
              const at = (place: number) => chart.posToVal(place, "x") * 1000;
              onZoom(at(left), at(left + width));
              chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            },
          ],
        },
      },
      columns as uPlot.AlignedData,
      host,
    );
    this.sizes = new ResizeObserver(() => {
      this.chart.setSize({ width: host.clientWidth || 300, height: HEIGHT });
    });
    this.sizes.observe(host);
  }

  update(columns: Columns): void {
    this.chart.setData(columns as uPlot.AlignedData);
  }

  /** After the theme changed. */
  redraw(): void {
    this.chart.redraw();
  }

  destroy(): void {
    this.sizes.disconnect();
    this.chart.destroy();
  }
}
