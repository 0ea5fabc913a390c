// Durations as people write them. The engine itself knows only numbers of milliseconds.
import { MillraceError } from './errors/millrace-error.ts';

/** `'5 minutes'`, `'10 ms'`, `'1 hour'`, or a number of milliseconds. */
export type Duration = number | string;

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  millisecond: 1,
  milliseconds: 1,
  s: 1_000,
  second: 1_000,
  seconds: 1_000,
  m: 60_000,
  min: 60_000,
  minute: 60_000,
  minutes: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  hours: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
  days: 86_400_000,
};

/**
 * Returns a duration in milliseconds.
 * @throws {MillraceError} MR_OPTION_INVALID for text that is no duration, a negative or a non-finite number
 */
export function durationMs(duration: Duration, option = 'duration'): number {
  const ms = typeof duration === 'number' ? duration : parseDuration(duration);
  if (ms === undefined || !Number.isFinite(ms) || ms < 0) {
    throw new MillraceError(
      'MR_OPTION_INVALID',
      `Cannot read ${option} ${JSON.stringify(duration)}: write a number of milliseconds or text such as '5 minutes', '250 ms' or '1 hour'`,
      { details: { option, value: duration } },
    );
  }
  return ms;
}

function parseDuration(text: string): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*$/i.exec(text);
  if (match === null) return undefined;
  const unitMs = UNIT_MS[(match[2] ?? '').toLowerCase()];
  return unitMs === undefined ? undefined : Number(match[1]) * unitMs;
}

const UNITS = [
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const;

/** A duration as people write it, in the greatest unit in which it is a short number: `10 min`, `1.5 s`, `250 ms`. */
export function describeDuration(ms: number): string {
  for (const [unit, unitMs] of UNITS) {
    if (ms >= unitMs && Number.isInteger((ms / unitMs) * 10)) return `${ms / unitMs} ${unit}`;
  }
  return `${ms} ms`;
}

/** Stands for a watermark of +Infinity, which JSON cannot say: the last instant that a Date can hold. */
export const WATERMARK_END_MS = 8.64e15;

/** A watermark as messages and files have it: null before the first, {@link WATERMARK_END_MS} after the last record. */
export function toFiniteWatermark(watermarkMs: number): number | null {
  return watermarkMs === -Infinity ? null : Math.min(watermarkMs, WATERMARK_END_MS);
}
