import { describe, expect, it } from "vitest";
import type { MetricsSample, Performance } from "../../api/types.ts";
import { DEFINITIONS } from "./definitions.ts";
import { MetricsLane, SAMPLES_MAX } from "./lane.ts";
import { paintTile } from "./paint-tile.ts";
import { pieces } from "./sparkline.ts";

const sample = (second: number, performance: Partial<Performance> = {}): MetricsSample => ({
  stream: "main",
  at: new Date(second * 1000).toISOString(),
  performance: performance as Performance,
  viewers: { current: 0, peak: 0 },
});

/** A lane whose frames are drawn by hand. */
function laneWithFrames() {
  const frames: (() => void)[] = [];
  const lane = new MetricsLane((task) => frames.push(task));
  const drawFrame = () => {
    for (const task of frames.splice(0)) task();
  };
  return { lane, frames, drawFrame };
}

describe("the lane of samples", () => {
  it("paints once a frame, however many samples came", () => {
    const { lane, drawFrame } = laneWithFrames();
    let painted = 0;
    lane.onPaint(() => {
      painted += 1;
    });
    drawFrame();
    for (let second = 1; second <= 10; second++) lane.push(sample(second));
    drawFrame();
    expect(painted).toBe(2);
    expect(lane.samples).toHaveLength(10);
  });

  it("keeps one minute, in order, and no older sample over a newer", () => {
    const { lane } = laneWithFrames();
    for (let second = 1; second <= SAMPLES_MAX + 20; second++) lane.push(sample(second));
    lane.push(sample(5));
    expect(lane.samples).toHaveLength(SAMPLES_MAX);
    expect(lane.latest?.at).toBe(sample(SAMPLES_MAX + 20).at);
  });

  it("ignores what is no sample", () => {
    const { lane } = laneWithFrames();
    for (const value of [null, 1, {}, { at: "x" }]) lane.snapshot(value);
    expect(lane.latest).toBeNull();
  });
});

it("does not join a line over a gap", () => {
  const at = (seconds: number, value: number | null) => ({ at: seconds * 1000, value });
  const points = [at(1, 1), at(2, 2), at(3, null), at(4, 4), at(20, 5)];
  expect(pieces(points).map((piece) => piece.map(({ value }) => value))).toEqual([
    [1, 2],
    [4],
    [5],
  ]);
});

describe("a tile", () => {
  const tile = () => {
    const element = document.createElement("div");
    for (const part of ["value", "unit", "goal", "verdict"]) {
      element.append(Object.assign(document.createElement("span"), { className: part }));
      element.lastElementChild?.setAttribute("data-part", part);
    }
    return element;
  };
  const shown = (id: string, performance: Partial<Performance>) => {
    const definition = DEFINITIONS.find((other) => other.id === id);
    if (!definition) throw new Error(`no ${id}`);
    const element = tile();
    paintTile(element, definition, [sample(1, performance)], null);
    return [...element.children]
      .map(({ textContent }) => textContent)
      .join(" ")
      .trim();
  };

  it("shows a dash for what is not known, and never a zero", () => {
    for (const { id } of DEFINITIONS) expect(shown(id, {})).not.toMatch(/\d/);
    expect(shown("fps", {})).toBe("– fps");
  });

  it("shows what was measured", () => {
    expect(shown("fps", { fps: 29.97 })).toBe("30.0 fps");
    const loudness = { loudness_momentary_lufs: -20.34, loudness_short_term_lufs: -21 };
    expect(shown("loudness", loudness)).toBe("-20.3 LUFS  Short -21.0, whole –");
    expect(shown("encode", { encode_ms_p50: 4.2, encode_ms_p99: 11 })).toBe("4.2 / 11.0 ms");
    expect(shown("dropped", { frames_dropped: 9, frames_total: 891 })).toBe(
      "9 or 1 %  None lately",
    );
  });
});
