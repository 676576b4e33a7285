/** Shown for a value that is not known. Never a zero that nobody measured. */
export const UNKNOWN = "–";

export function formatNumber(value: number | null | undefined, digits = 0): string {
  if (value == null || !Number.isFinite(value)) return UNKNOWN;
  return value.toLocaleString("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** A level in dBFS or a loudness in LUFS; of silence there is no useful number. */
export function formatLevel(level: number | null): string {
  return level !== null && level < -99 ? "−∞" : formatNumber(level, 1);
}

/** `1:02:03` or `2:03`. */
export function formatElapsed(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  const pad = (part: number) => String(part).padStart(2, "0");
  const rest = `${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`;
  return seconds >= 3600 ? `${Math.floor(seconds / 3600)}:${rest}` : rest;
}

/** `4 s`, `3 min`, `2 h 5 min`, `3 d`. */
export function formatAge(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d`;
}

/** The time of day in the viewer's zone. */
export function formatTime(time: string): string {
  return new Date(time).toLocaleTimeString("en-GB");
}

/** Date and time in UTC, for titles. */
export function formatUtc(time: string): string {
  return `${new Date(time).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

const UNITS = ["B", "kB", "MB", "GB", "TB"] as const;

/** The number and its unit, apart: `["151", "MB"]`. */
export function formatBytes(bytes: number | null | undefined): readonly [string, string] {
  if (bytes == null) return [UNKNOWN, "MB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return [formatNumber(value, value < 10 && unit > 0 ? 1 : 0), UNITS[unit] ?? "B"];
}
