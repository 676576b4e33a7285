import type { MetricsSample, Performance, ProgramFormat } from "../../api/types.ts";
import { formatBytes, formatLevel, formatNumber, UNKNOWN } from "../../ui/format.ts";

export interface Verdict {
  readonly word: string;
  readonly tone: "ok" | "warn" | "bad" | "calm";
}

/** What a painter has at hand. */
export interface Reading {
  readonly performance: Performance;
  /** Oldest first, this one last. */
  readonly samples: readonly MetricsSample[];
  readonly program: ProgramFormat | null;
}

/** One figure: where it comes from, how it is written, and what to think of it. */
export interface Definition {
  readonly id: string;
  readonly label: string;
  /** What it means, as a tool tip. */
  readonly about: string;
  /** The number behind the line; `null` when not known. */
  readonly value: (performance: Performance) => number | null;
  /** Value and unit. */
  readonly text: (reading: Reading) => readonly [string, string];
  /** The goal, where there is one. */
  readonly goal?: (program: ProgramFormat) => number;
  readonly goalText?: (program: ProgramFormat) => string;
  /** In words, never by colour alone; `null` when there is nothing to say. */
  readonly verdict?: (reading: Reading) => Verdict | null;
}

const ok = (word: string): Verdict => ({ word, tone: "ok" });
const warn = (word: string): Verdict => ({ word, tone: "warn" });
const bad = (word: string): Verdict => ({ word, tone: "bad" });

export const DEFINITIONS: readonly Definition[] = [
  {
    id: "fps",
    label: "Frame rate",
    about: "Frames that left the encoder in the last second",
    value: ({ fps }) => fps,
    text: ({ performance }) => [formatNumber(performance.fps, 1), "fps"],
    goal: ({ framerate }) => framerate,
    goalText: ({ framerate }) => `of ${framerate}`,
    verdict({ performance: { fps }, program }) {
      if (fps === null || !program) return null;
      const share = fps / program.framerate;
      if (share >= 0.97) return ok("On target");
      return share >= 0.9 ? warn("Low") : bad("Very low");
    },
  },
  {
    id: "bitrate",
    label: "Bitrate",
    about: "Encoded video in the last second",
    value: ({ bitrate_kbps }) => bitrate_kbps,
    text: ({ performance: { bitrate_kbps } }) => [
      formatNumber(bitrate_kbps === null ? null : bitrate_kbps / 1000, 2),
      "Mbit/s",
    ],
    goal: ({ video_bitrate_kbps }) => video_bitrate_kbps,
    goalText: ({ video_bitrate_kbps }) => `of ${formatNumber(video_bitrate_kbps / 1000, 1)}`,
    verdict({ performance: { bitrate_kbps_60s } }) {
      if (bitrate_kbps_60s == null) return null;
      return { word: `${formatNumber(bitrate_kbps_60s / 1000, 2)} over a minute`, tone: "calm" };
    },
  },
  {
    id: "dropped",
    label: "Dropped frames",
    about: "Frames that were due and never composed, since the worker started",
    value: ({ frames_dropped }) => frames_dropped,
    text: ({ performance: { frames_dropped, frames_total } }) => {
      const due = (frames_dropped ?? 0) + (frames_total ?? 0);
      const share = frames_dropped ? (frames_dropped / due) * 100 : null;
      const unit = share === null ? "" : `or ${formatNumber(share, share < 1 ? 2 : 0)} %`;
      return [formatNumber(frames_dropped), unit];
    },
    verdict({ performance, samples }) {
      const first = samples.find(({ performance: { frames_dropped } }) => frames_dropped !== null);
      const before = first?.performance.frames_dropped ?? null;
      if (performance.frames_dropped === null || before === null) return null;
      const lately = performance.frames_dropped - before;
      return lately > 0 ? warn(`${lately} in the last minute`) : ok("None lately");
    },
  },
  {
    id: "late",
    label: "Late frames",
    about:
      "Frames composed more than a frame's length after their time, since the worker started; below it what waits for the encoder",
    value: ({ frames_late }) => frames_late ?? null,
    text: ({ performance: { frames_late } }) => [formatNumber(frames_late ?? null), ""],
    verdict({ performance: { encoder_queue_frames }, program }) {
      if (encoder_queue_frames == null || !program) return null;
      if (encoder_queue_frames < program.framerate / 6) return ok("Encoder keeps up");
      const waiting = `${encoder_queue_frames} frames wait for the encoder`;
      return encoder_queue_frames < program.framerate / 2 ? warn(waiting) : bad(waiting);
    },
  },
  {
    id: "encode",
    label: "Encode time",
    about: "From composed to encoded frame: median and 99th percentile",
    value: ({ encode_ms_p99 }) => encode_ms_p99,
    text: ({ performance: { encode_ms_p50, encode_ms_p99 } }) => [
      pair(formatMilliseconds(encode_ms_p50), formatMilliseconds(encode_ms_p99)),
      "ms",
    ],
    goal: ({ framerate }) => 1000 / framerate,
    verdict({ performance: { encode_ms_p99 }, program }) {
      if (encode_ms_p99 === null || !program) return null;
      const share = encode_ms_p99 / (1000 / program.framerate);
      if (share < 0.7) return ok("In budget");
      return share < 1 ? warn("Tight") : bad("Over budget");
    },
  },
  {
    id: "cpu",
    label: "CPU",
    about: "The media worker; 1.00 is one core fully used",
    value: ({ cpu_cores }) => cpu_cores,
    text: ({ performance }) => [formatNumber(performance.cpu_cores, 2), "cores"],
  },
  {
    id: "memory",
    label: "Memory",
    about: "Resident memory of the media worker",
    value: ({ memory_bytes }) => memory_bytes,
    text: ({ performance }) => formatBytes(performance.memory_bytes),
  },
  {
    id: "audio",
    label: "Audio level",
    about: "RMS and highest sample of the program's sound",
    value: ({ audio_rms_dbfs }) => audio_rms_dbfs,
    text: ({ performance: { audio_rms_dbfs, audio_peak_dbfs } }) => [
      pair(formatLevel(audio_rms_dbfs), formatLevel(audio_peak_dbfs)),
      "dBFS",
    ],
    verdict({ performance: { audio_peak_dbfs } }) {
      if (audio_peak_dbfs === null) return null;
      if (audio_peak_dbfs >= -0.5) return bad("Clipping");
      return audio_peak_dbfs < SILENT_DBFS ? warn("Silent") : ok("Good");
    },
  },
  {
    id: "loudness",
    label: "Loudness",
    about:
      "EBU R128, of the last 0.4 seconds; below it of the last 3 seconds, and since the worker started without its quiet parts",
    value: ({ loudness_short_term_lufs }) => loudness_short_term_lufs,
    text: ({ performance }) => [formatLevel(performance.loudness_momentary_lufs), "LUFS"],
    verdict({ performance: { loudness_short_term_lufs, loudness_integrated_lufs } }) {
      if (loudness_short_term_lufs === null && loudness_integrated_lufs === null) return null;
      const short = `Short ${formatLevel(loudness_short_term_lufs)}`;
      return { word: `${short}, whole ${formatLevel(loudness_integrated_lufs)}`, tone: "calm" };
    },
  },
  {
    id: "to-air",
    label: "Layer change to air",
    about:
      "From the acknowledged write of the latest change to the frame that shows it; below it the median and 99th percentile of the latest thousand",
    value: ({ layer_change_to_air_ms }) => layer_change_to_air_ms,
    text: ({ performance }) => [formatNumber(performance.layer_change_to_air_ms), "ms"],
    verdict({ performance }) {
      const { layer_change_to_air_ms: latest } = performance;
      if (latest === null) return null;
      const p50 = performance.layer_change_to_air_ms_p50 ?? null;
      const p99 = performance.layer_change_to_air_ms_p99 ?? null;
      const usual = p50 === null ? "" : `, ${pair(formatNumber(p50), formatNumber(p99))} usually`;
      return latest <= 250 ? ok(`Quick${usual}`) : warn(`Slow${usual}`);
    },
  },
];

/** Below this nobody hears anything; the level of digital silence has no useful number. */
const SILENT_DBFS = -70;

/** Two values that belong together; one dash when neither is known. */
function pair(first: string, second: string): string {
  return first === UNKNOWN && second === UNKNOWN ? UNKNOWN : `${first} / ${second}`;
}

function formatMilliseconds(value: number | null): string {
  return formatNumber(value, value !== null && value >= 100 ? 0 : 1);
}
