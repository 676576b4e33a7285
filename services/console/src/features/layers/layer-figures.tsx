import { useEffect, useRef } from "react";
import { useForbidden, useRuntime } from "../../runtime-context.ts";
import { isOld } from "../metrics/age.ts";
import { figuresText, hasOldFrame } from "./figures.ts";

/** A layer's level and the age of its frame, painted with the other figures. */
export function LayerFigures({ layer }: { readonly layer: string }) {
  const { metrics, poller, serverClock } = useRuntime();
  const forbidden = useForbidden("read-metrics");
  const element = useRef<HTMLSpanElement>(null);

  useEffect(
    () =>
      metrics.onPaint(() => {
        const { latest } = metrics;
        const polled = forbidden !== null || poller.state.get() !== "off";
        const old = !latest || isOld(serverClock.since(latest.at), polled);
        const measured = old
          ? undefined
          : latest.performance.layers?.find((other) => other.layer === layer);
        if (!element.current) return;
        const text = figuresText(measured);
        if (element.current.textContent !== text) element.current.textContent = text;
        element.current.dataset.tone = hasOldFrame(measured) ? "warn" : "calm";
      }),
    [metrics, poller, serverClock, forbidden, layer],
  );

  return <span className="layer__figures" ref={element} />;
}
