import { type RefObject, useEffect, useRef } from "react";
import type { ProgramFormat } from "../../api/types.ts";
import { useForbidden, useRuntime } from "../../runtime-context.ts";
import { formatAge } from "../../ui/format.ts";
import { theme } from "../../ui/theme.ts";
import { useTickingText } from "../../ui/use-ticker.ts";
import { isOld } from "./age.ts";
import { DEFINITIONS, type Definition } from "./definitions.ts";
import type { MetricsLane } from "./lane.ts";
import { paintTile } from "./paint-tile.ts";
import "./tiles.css";

/** The figures. Rendered once; samples are painted into them without a render. */
export function Tiles({ program }: { readonly program: ProgramFormat | null }) {
  const { metrics, serverClock, poller } = useRuntime();
  const forbidden = useForbidden("read-metrics");
  const grid = useRef<HTMLDListElement>(null);
  useRepaint(grid, metrics);

  const age = useTickingText<HTMLParagraphElement>(() => {
    const latest = metrics.latest;
    const ageMs = latest ? serverClock.since(latest.at) : 0;
    const polled = forbidden !== null || poller.state.get() !== "off";
    const old = isOld(ageMs, polled);
    if (grid.current && grid.current.hasAttribute("data-old") !== old) {
      grid.current.toggleAttribute("data-old", old);
      metrics.repaint();
    }
    return old ? `These figures are ${formatAge(ageMs)} old.` : "";
  });

  return (
    <div className="tiles-block">
      <dl className="tiles" ref={grid} aria-label="Figures of the stream">
        {DEFINITIONS.map((definition) => (
          <Tile key={definition.id} definition={definition} program={program} />
        ))}
      </dl>
      <p className="tiles__age" ref={age} />
    </div>
  );
}

/** Lines are drawn in pixels and in the theme's colours; both can change without a sample. */
function useRepaint(grid: RefObject<HTMLElement | null>, metrics: MetricsLane): void {
  useEffect(() => {
    const repaint = () => metrics.repaint();
    const sizes = new ResizeObserver(repaint);
    if (grid.current) sizes.observe(grid.current);
    const scheme = window.matchMedia("(prefers-color-scheme: light)");
    scheme.addEventListener("change", repaint);
    const stopTheme = theme.subscribe(repaint);
    return () => {
      sizes.disconnect();
      scheme.removeEventListener("change", repaint);
      stopTheme();
    };
  }, [grid, metrics]);
}

interface TileProps {
  readonly definition: Definition;
  readonly program: ProgramFormat | null;
}

function Tile({ definition, program }: TileProps) {
  const { metrics } = useRuntime();
  const tile = useRef<HTMLDivElement>(null);

  useEffect(
    () =>
      metrics.onPaint(() => {
        if (tile.current) paintTile(tile.current, definition, metrics.samples, program);
      }),
    [metrics, definition, program],
  );

  return (
    <div className="tile" ref={tile} title={definition.about} data-metric={definition.id}>
      <dt className="tile__label">{definition.label}</dt>
      <dd className="tile__value">
        <span data-part="value" className="tile__number" /> <span data-part="unit" />{" "}
        <span data-part="goal" className="tile__goal" />
      </dd>
      <dd className="tile__verdict" data-part="verdict" />
      <dd className="tile__plot" aria-hidden>
        <canvas className="tile__line" />
      </dd>
    </div>
  );
}
