import { CircleCheck, Info, OctagonAlert, TriangleAlert, X } from "lucide-react";
import type { ReactNode } from "react";
import { IconButton } from "./icon-button.tsx";

const ICONS = { bad: OctagonAlert, warn: TriangleAlert, ok: CircleCheck, calm: Info } as const;

interface MessageProps {
  readonly tone: keyof typeof ICONS;
  readonly children: ReactNode;
  /** Buttons. */
  readonly actions?: ReactNode;
  readonly onDismiss?: (() => void) | undefined;
  /** Told by screen readers at once: for the answer to what the person just did. */
  readonly alert?: boolean;
}

export function Message({ tone, children, actions, onDismiss, alert = false }: MessageProps) {
  const Icon = ICONS[tone];
  return (
    <div className="message" data-tone={tone} role={alert ? "alert" : undefined}>
      <Icon size={18} aria-hidden />
      <span className="message__text">{children}</span>
      {actions}
      {onDismiss && <IconButton icon={X} label="Dismiss" onClick={onDismiss} />}
    </div>
  );
}
