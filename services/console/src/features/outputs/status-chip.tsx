import { CircleCheck, CircleDashed, LoaderCircle, OctagonX, RotateCw } from "lucide-react";
import type { OutputKind, OutputStatus } from "../../api/types.ts";
import { statusWords } from "./words.ts";

const ICONS = {
  stopped: CircleDashed,
  connecting: LoaderCircle,
  live: CircleCheck,
  reconnecting: RotateCw,
  failed: OctagonX,
} as const satisfies Record<OutputStatus, unknown>;

interface StatusChipProps {
  readonly kind: OutputKind;
  readonly status: OutputStatus | null;
}

/** An output's status: icon, word and colour. */
export function StatusChip({ kind, status }: StatusChipProps) {
  if (!status) return <span className="output__status">Unknown</span>;
  const { label, tone, meaning } = statusWords(kind, status);
  const Icon = ICONS[status];
  return (
    <span className="output__status" data-tone={tone} data-status={status} title={meaning}>
      <Icon size={14} aria-hidden />
      {label}
    </span>
  );
}
