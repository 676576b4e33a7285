import type { ReactNode } from "react";

interface SectionProps {
  readonly title: string;
  readonly children: ReactNode;
}

/** Fields that are seldom needed, folded away. */
export function Section({ title, children }: SectionProps) {
  return (
    <details className="layer-section">
      <summary className="layer-section__title">{title}</summary>
      <div className="layer-section__body">{children}</div>
    </details>
  );
}
