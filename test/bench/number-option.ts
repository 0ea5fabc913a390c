// Numbers and durations behind the options of benchmarks.
import { durationMs, MillraceError } from '@millrace/common';

/** Returns the number, which may be written `1_000_000`. @throws {MillraceError} MR_USAGE unless it is above 0 */
export function numberOption(name: string, text: string): number {
  const value = Number(text.replaceAll('_', ''));
  if (Number.isFinite(value) && value > 0) return value;
  throw new MillraceError('MR_USAGE', `Cannot use "${text}" as --${name}: write a number above 0`);
}

/** The same for what there are no parts of. @throws {MillraceError} MR_USAGE */
export function wholeOption(name: string, text: string): number {
  const value = numberOption(name, text);
  if (Number.isSafeInteger(value)) return value;
  throw new MillraceError('MR_USAGE', `Cannot use "${text}" as --${name}: write a whole number above 0`);
}

/** Returns `text`, which is a duration above 0. @throws {MillraceError} MR_USAGE */
export function durationOption(name: string, text: string): string {
  let ms = 0;
  try {
    ms = durationMs(Number.isNaN(Number(text)) ? (text as '1 s') : Number(text));
  } catch {
    // Said below.
  }
  if (ms > 0) return text;
  throw new MillraceError(
    'MR_USAGE',
    `Cannot use "${text}" as --${name}: write a duration such as 10s or 500ms`,
  );
}
