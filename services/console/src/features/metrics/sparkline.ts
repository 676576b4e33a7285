/** A point of a line: when, and how much; `null` is a hole. */
export interface Point {
  readonly at: number;
  readonly value: number | null;
}

export interface Sparkline {
  readonly points: readonly Point[];
  /** The right edge. */
  readonly now: number;
  readonly spanMs: number;
  /** A dashed line to compare with. */
  readonly goal: number | null;
}

/** Points further apart are not joined: a gap in the data is a gap in the line. */
const JOIN_MS = 3_500;

/** Draws a line in the canvas's own text colour, and the goal dashed in its border colour. */
export function drawSparkline(canvas: HTMLCanvasElement, line: Sparkline): void {
  const context = canvas.getContext("2d");
  if (!context) return;
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  context.scale(ratio, ratio);
  const style = getComputedStyle(canvas);
  const place = placing(line, width, height);
  if (line.goal !== null) drawGoal(context, place.y(line.goal), width, style.borderColor);
  context.strokeStyle = style.color;
  context.lineWidth = 1.5;
  context.lineJoin = "round";
  context.setLineDash([]);
  for (const piece of pieces(line.points)) {
    context.beginPath();
    for (const { at, value } of piece) context.lineTo(place.x(at), place.y(value));
    context.stroke();
  }
}

function drawGoal(
  context: CanvasRenderingContext2D,
  y: number,
  width: number,
  color: string,
): void {
  context.strokeStyle = color;
  context.lineWidth = 1;
  context.setLineDash([3, 3]);
  context.beginPath();
  context.moveTo(0, y);
  context.lineTo(width, y);
  context.stroke();
}

function placing(line: Sparkline, width: number, height: number) {
  const known = line.points.flatMap(({ value }) => (value === null ? [] : [value]));
  if (line.goal !== null) known.push(line.goal);
  const low = Math.min(...known);
  const high = Math.max(...known);
  // A calm value is drawn calmly: the scale spans a quarter of the value at least.
  const span = Math.max(high - low, Math.abs(high) * 0.25, 1e-9);
  const middle = (high + low) / 2;
  const inner = height - 4;
  return {
    x: (at: number) => width - ((line.now - at) / line.spanMs) * width,
    y: (value: number) => 2 + inner / 2 - ((value - middle) / span) * inner,
  };
}

/** The points that belong together, holes left out. */
export function pieces(points: readonly Point[]): { at: number; value: number }[][] {
  const result: { at: number; value: number }[][] = [];
  let last: number | null = null;
  for (const { at, value } of points) {
    if (value === null) {
      last = null;
      continue;
    }
    if (last === null || at - last > JOIN_MS) result.push([]);
    result.at(-1)?.push({ at, value });
    last = at;
  }
  return result;
}
