import type { MetricsSample, Performance, ProgramFormat } from "../../api/types.ts";
import type { Definition } from "./definitions.ts";
import { drawSparkline } from "./sparkline.ts";

const SPAN_MS = 60_000;

const NOTHING: Performance = {
  fps: null,
  frames_composed: null,
  frames_late: null,
  frames_total: null,
  frames_dropped: null,
  frames_duplicated: null,
  bytes_total: null,
  bitrate_kbps: null,
  bitrate_kbps_60s: null,
  encoder_queue_frames: null,
  encoder_queue_ms: null,
  sound_queue_ms: null,
  encode_ms_p50: null,
  encode_ms_p99: null,
  frame_interval_ms_max: null,
  keyframe_interval_ms: null,
  cpu_cores: null,
  memory_bytes: null,
  audio_peak_dbfs: null,
  audio_rms_dbfs: null,
  loudness_momentary_lufs: null,
  loudness_short_term_lufs: null,
  loudness_integrated_lufs: null,
  black_s: null,
  frozen_s: null,
  silent_s: null,
  layers: [],
  renditions: [],
  layer_change_to_air_ms: null,
  layer_change_to_air_ms_p50: null,
  layer_change_to_air_ms_p99: null,
};

/** Writes the newest figure into a tile, and draws the last minute. */
export function paintTile(
  tile: HTMLElement,
  definition: Definition,
  samples: readonly MetricsSample[],
  program: ProgramFormat | null,
): void {
  const latest = samples.at(-1);
  const performance = { ...NOTHING, ...latest?.performance };
  const reading = { performance, samples, program };
  const [value, unit] = definition.text(reading);
  write(tile, "value", value);
  write(tile, "unit", unit);
  write(tile, "goal", (program && definition.goalText?.(program)) ?? "");
  const verdict = definition.verdict?.(reading) ?? null;
  const element = write(tile, "verdict", verdict?.word ?? "");
  if (element) element.dataset.tone = verdict?.tone ?? "calm";
  const canvas = tile.querySelector("canvas");
  if (!canvas) return;
  drawSparkline(canvas, {
    points: samples.map((sample) => ({
      at: Date.parse(sample.at),
      value: definition.value({ ...NOTHING, ...sample.performance }),
    })),
    now: latest ? Date.parse(latest.at) : 0,
    spanMs: SPAN_MS,
    goal: latest && program && definition.goal ? definition.goal(program) : null,
  });
}

function write(tile: HTMLElement, part: string, text: string): HTMLElement | null {
  const element = tile.querySelector<HTMLElement>(`[data-part="${part}"]`);
  if (element && element.textContent !== text) element.textContent = text;
  return element;
}
