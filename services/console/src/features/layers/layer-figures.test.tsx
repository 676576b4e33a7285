import { cleanup, render } from "@testing-library/react";
import { afterEach, expect, it } from "vitest";
import type { LayerPerformance, MetricsSample } from "../../api/types.ts";
import { ManualClock } from "../../clock.ts";
import { Observable } from "../../observable.ts";
import type { Runtime } from "../../runtime.ts";
import { RuntimeContext } from "../../runtime-context.ts";
import { ServerClock } from "../../server-clock.ts";
import { MetricsLane } from "../metrics/lane.ts";
import { figuresText, hasOldFrame } from "./figures.ts";
import { LayerFigures } from "./layer-figures.tsx";

afterEach(cleanup);

const measured = (figures: Partial<LayerPerformance>): LayerPerformance => ({
  layer: "a",
  ...figures,
});

it.each([
  [{}, "", false],
  [{ audio_rms_dbfs: -21.04 }, "-21.0 dBFS", false],
  [{ audio_rms_dbfs: -150, frame_age_ms: 41.4 }, "−∞ dBFS · frame 41 ms old", false],
  [{ frame_age_ms: 3_210 }, "frame 3.2 s old", true],
])("%o is told as “%s”", (figures, text, old) => {
  expect(figuresText(measured(figures))).toBe(text);
  expect(hasOldFrame(measured(figures))).toBe(old);
});

it("shows the newest figures of its layer, and none when they are old", async () => {
  const clock = new ManualClock();
  let draw = () => {};
  const metrics = new MetricsLane((task) => {
    draw = task;
  });
  const runtime = {
    metrics,
    serverClock: new ServerClock(clock),
    poller: { state: new Observable("off") },
    session: { state: new Observable({ kind: "signed-in", identity: { role: "operator" } }) },
  };
  const { container } = render(
    <RuntimeContext value={runtime as unknown as Runtime}>
      <LayerFigures layer="a" />
    </RuntimeContext>,
  );
  const layers = [measured({ layer: "b", frame_age_ms: 900 }), measured({ frame_age_ms: 40 })];
  const at = new Date(clock.now()).toISOString();
  metrics.push({ at, performance: { layers } } as MetricsSample);
  draw();
  expect(container.textContent).toBe("frame 40 ms old");
  await clock.advance(3_000);
  metrics.repaint();
  draw();
  expect(container.textContent).toBe("");
});
