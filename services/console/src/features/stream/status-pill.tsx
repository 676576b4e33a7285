import {
  CircleDashed,
  CirclePause,
  LoaderCircle,
  OctagonX,
  Radio,
  RotateCw,
  TriangleAlert,
} from "lucide-react";
import type { StreamStatus } from "../../api/types.ts";
import { STATUS_WORDS } from "./status.ts";

const ICONS = {
  offline: CircleDashed,
  starting: LoaderCircle,
  live: Radio,
  paused: CirclePause,
  degraded: TriangleAlert,
  reconnecting: RotateCw,
  stopping: LoaderCircle,
  failed: OctagonX,
} as const satisfies Record<StreamStatus, unknown>;

/** The stream's status: icon, word and colour. */
export function StatusPill({ status }: { readonly status: StreamStatus | null }) {
  if (!status) return <span className="pill">Unknown</span>;
  const { label, tone, meaning } = STATUS_WORDS[status];
  const Icon = ICONS[status];
  return (
    <span className="pill" data-tone={tone} data-status={status} title={meaning}>
      <Icon size={16} aria-hidden />
      {label}
    </span>
  );
}
