// Times as text. Rows of one window come one after the other, so that remembering a few texts saves most of the formatting.

const REMEMBERED = 64;
const times = new Float64Array(REMEMBERED).fill(Number.NaN);
const texts = Array.from({ length: REMEMBERED }, () => '');
const MS_PER_HOUR = 3_600_000;

/** ISO 8601, UTC, of milliseconds since the epoch. */
export function isoTime(ms: number): string {
  const slot = Math.floor(ms / MS_PER_HOUR) & (REMEMBERED - 1);
  if (times[slot] === ms) return texts[slot] as string;
  const text = new Date(ms).toISOString();
  times[slot] = ms;
  texts[slot] = text;
  return text;
}

/** The day of a time, UTC: `2001-01-31`. */
export function isoDay(ms: number): string {
  return isoTime(ms).slice(0, 10);
}
