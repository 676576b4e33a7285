import type {
  AdaptiveBody,
  FileFormat,
  NewOutput,
  OutputPatch,
  OutputTargetBody,
  OutputView,
  SrtMode,
} from "../../api/types.ts";
import type { AddableKind } from "./words.ts";

/** An output as it is filled in. Numbers are texts, because an empty one is no number. */
export interface Draft {
  readonly kind: AddableKind;
  readonly name: string;
  readonly url: string;
  readonly mode: SrtMode;
  readonly streamId: string;
  readonly latencyMs: string;
  /** A new stream key or passphrase. Empty: what is kept stays. */
  readonly secret: string;
  /** Take away the kept one. */
  readonly forgetSecret: boolean;
  /** It may be sent less while its target is congested. */
  readonly adaptive: boolean;
  readonly minKbps: string;
  readonly format: FileFormat;
  readonly splitSeconds: string;
  readonly splitMebibytes: string;
  readonly keepFiles: string;
  readonly keepHours: string;
}

export const EMPTY: Draft = {
  kind: "rtmp",
  name: "",
  url: "",
  mode: "caller",
  streamId: "",
  latencyMs: "125",
  secret: "",
  forgetSecret: false,
  adaptive: false,
  minKbps: "500",
  format: "mp4",
  splitSeconds: "",
  splitMebibytes: "",
  keepFiles: "",
  keepHours: "",
};

const MEBIBYTE = 1_048_576;
const HOUR_S = 3_600;

/** The output as it is now, to be changed. */
export function draftOf({ kind, name, target, adaptive }: OutputView): Draft {
  const draft = {
    ...EMPTY,
    name,
    kind: kind === "hls" ? EMPTY.kind : kind,
    adaptive: adaptive.enabled ?? EMPTY.adaptive,
    minKbps: text(adaptive.min_kbps),
  };
  if ("has_key" in target) return { ...draft, url: target.url };
  if ("has_passphrase" in target) {
    const { url, mode, stream_id, latency_ms } = target;
    return { ...draft, url, mode, streamId: stream_id ?? "", latencyMs: String(latency_ms) };
  }
  if (!("format" in target)) return draft;
  const { format, split_s, split_bytes, keep_files, keep_s } = target;
  return {
    ...draft,
    format: format ?? EMPTY.format,
    splitSeconds: text(split_s),
    splitMebibytes: text(split_bytes, MEBIBYTE),
    keepFiles: text(keep_files),
    keepHours: text(keep_s, HOUR_S),
  };
}

/** Whether the output has a secret, which is never shown. */
export function hasSecret({ target }: OutputView): boolean {
  if ("has_key" in target) return target.has_key;
  return "has_passphrase" in target && target.has_passphrase;
}

/** Whether there is one target that can be congested. */
export function canAdapt({ kind, mode }: Draft): boolean {
  return kind === "rtmp" || (kind === "srt" && mode === "caller");
}

export function newOutput(draft: Draft): NewOutput {
  const kept = Object.entries(targetOf(draft)).filter(([, value]) => value !== null);
  const adaptive = adaptiveOf(draft);
  return {
    name: draft.name.trim(),
    kind: draft.kind,
    target: Object.fromEntries(kept),
    ...(adaptive.enabled && { adaptive }),
  };
}

/** What `draft` changes of `before`; `null` when nothing. */
export function outputPatch(before: Draft, draft: Draft): OutputPatch | null {
  const [old, now] = [targetOf(before), targetOf(draft)];
  const target = Object.fromEntries(
    Object.entries(now).filter(([field, value]) => value !== old[field as keyof typeof old]),
  ) as OutputTargetBody;
  const patch: OutputPatch = {};
  if (draft.name.trim() !== before.name) patch.name = draft.name.trim();
  if (Object.keys(target).length > 0) patch.target = target;
  const [kept, wanted] = [adaptiveOf(before), adaptiveOf(draft)];
  if (kept.enabled !== wanted.enabled || kept.min_kbps !== wanted.min_kbps) patch.adaptive = wanted;
  return Object.keys(patch).length > 0 ? patch : null;
}

/** Own changes of `before`, laid over what somebody else made of it. */
export function rebased(before: Draft, draft: Draft, theirs: Draft): Draft {
  const own = Object.entries(draft).filter(
    ([field, value]) => value !== before[field as keyof Draft],
  );
  return { ...theirs, ...Object.fromEntries(own) };
}

function targetOf(draft: Draft): OutputTargetBody {
  const url = draft.url.trim();
  switch (draft.kind) {
    case "rtmp":
      return { url, ...secretOf(draft, "key") };
    case "srt":
      return {
        url,
        mode: draft.mode,
        stream_id: draft.streamId.trim() || null,
        ...secretOf(draft, "passphrase"),
        latency_ms: number(draft.latencyMs),
      };
    case "file":
      return {
        format: draft.format,
        split_s: number(draft.splitSeconds),
        split_bytes: number(draft.splitMebibytes, MEBIBYTE),
        keep_files: number(draft.keepFiles),
        keep_s: number(draft.keepHours, HOUR_S),
      };
  }
}

function adaptiveOf(draft: Draft): AdaptiveBody {
  return { enabled: draft.adaptive && canAdapt(draft), min_kbps: number(draft.minKbps) };
}

function secretOf({ secret, forgetSecret }: Draft, field: "key" | "passphrase"): OutputTargetBody {
  if (secret !== "") return { [field]: secret };
  return forgetSecret ? { [field]: null } : {};
}

/** A number in the unit of the field, in that of the API; `null` where there is none. */
function number(entered: string, unit = 1): number | null {
  return entered.trim() === "" ? null : Math.round(Number(entered) * unit);
}

function text(value: number | null | undefined, unit = 1): string {
  return value == null ? "" : String(Number((value / unit).toFixed(3)));
}
