import type { EventMessage, MetricsSample } from "../../api/types.ts";
import type { ChannelListener } from "../../live/channel-listener.ts";

/** Samples kept: one minute at one a second. */
export const SAMPLES_MAX = 60;

export type Painter = () => void;

/**
 * The figures' own way to the screen, around React: samples go into a ring, and painters write text
 * and lines straight to the page, once a frame at most. A hidden page draws nothing and keeps the
 * samples.
 */
export class MetricsLane implements ChannelListener {
  private readonly ring: MetricsSample[] = [];
  private readonly painters = new Set<Painter>();
  private readonly nextFrame: (task: () => void) => void;
  private scheduled = false;

  constructor(nextFrame: (task: () => void) => void) {
    this.nextFrame = nextFrame;
  }

  /** Oldest first. */
  get samples(): readonly MetricsSample[] {
    return this.ring;
  }

  get latest(): MetricsSample | null {
    return this.ring.at(-1) ?? null;
  }

  onPaint(painter: Painter): () => void {
    this.painters.add(painter);
    this.schedule();
    return () => this.painters.delete(painter);
  }

  snapshot(value: unknown): void {
    if (isSample(value)) this.push(value);
  }

  event({ event, data }: EventMessage): void {
    if (event === "stream.metrics.sampled" && isSample(data)) this.push(data);
  }

  /** Adds a sample, unless a newer one is there. */
  push(sample: MetricsSample): void {
    const latest = this.latest;
    if (latest && Date.parse(sample.at) <= Date.parse(latest.at)) return;
    this.ring.push(sample);
    if (this.ring.length > SAMPLES_MAX) this.ring.shift();
    this.schedule();
  }

  /** The stream is off air: figures of the last broadcast say nothing about now. */
  clear(): void {
    if (this.ring.length === 0) return;
    this.ring.length = 0;
    this.schedule();
  }

  /** Draws again what is there: its size or colours have changed. */
  repaint(): void {
    this.schedule();
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    this.nextFrame(() => {
      this.scheduled = false;
      for (const paint of [...this.painters]) paint();
    });
  }
}

function isSample(value: unknown): value is MetricsSample {
  return (
    typeof value === "object" &&
    value !== null &&
    "at" in value &&
    "performance" in value &&
    typeof value.performance === "object" &&
    value.performance !== null
  );
}
