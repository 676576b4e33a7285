import { type Api, outcomeOf } from "../../api/client.ts";
import type { Failure } from "../../api/problem.ts";
import { appUrl } from "../../base-url.ts";
import { Observable } from "../../observable.ts";
import { boundsOf, type Range } from "./ranges.ts";
import { type Columns, columnsOf } from "./series.ts";

/** The charts, from top to bottom. */
export const CHARTS = [
  { metric: "viewers", label: "Viewers" },
  { metric: "fps", label: "Frame rate" },
  { metric: "bitrate_kbps", label: "Bitrate" },
  { metric: "encode_ms_p99", label: "Encoding, slowest frames" },
  { metric: "cpu_cores", label: "CPU of the stream" },
  { metric: "chat_messages", label: "Chat" },
] as const;

export interface Chart {
  readonly metric: string;
  readonly label: string;
  readonly unit: string;
  readonly columns: Columns;
}

export interface Charts {
  readonly range: Range;
  /** Length of a step, in seconds. */
  readonly stepS: number;
  readonly charts: readonly Chart[];
}

export type Format = "csv" | "ndjson" | "parquet";

/** What was measured over a range, and where it is fetched as a file. */
export class HistoryStore {
  /** `null` before anything is known. */
  readonly charts = new Observable<Charts | null>(null);
  readonly failure = new Observable<Failure | null>(null);
  private readonly api: Api;
  private readonly stream: string;
  private latest: Range | null = null;

  constructor(api: Api, stream: string) {
    this.api = api;
    this.stream = stream;
  }

  async load(range: Range): Promise<void> {
    this.latest = range;
    const metric = CHARTS.map((chart) => chart.metric).join(",");
    const query = { stream: this.stream, metric, ...boundsOf(range) };
    const request = this.api.GET("/api/analytics/timeseries", { params: { query } });
    const outcome = await outcomeOf(request);
    // An answer about a range that nobody looks at any more.
    if (this.latest !== range) return;
    this.failure.set(outcome.ok ? null : outcome.failure);
    if (!outcome.ok) return;
    const { metrics, step_s } = outcome.data;
    const charts = CHARTS.flatMap(({ metric, label }) => {
      const found = metrics.find(({ name }) => name === metric);
      if (!found) return [];
      const columns = columnsOf(found.points);
      return [{ metric, label, unit: found.unit, columns }];
    });
    this.charts.set({ range, stepS: step_s, charts });
  }

  /** Where every metric of a range is fetched as a file. */
  address(range: Range, format: Format): string {
    const query = new URLSearchParams({ stream: this.stream, format, ...boundsOf(range) });
    return appUrl(`api/analytics/export?${query}`).href;
  }
}
