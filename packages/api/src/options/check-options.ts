// Checks on what users give as options. Types catch most of it, but a program may be bundled without being type-checked.
import { durationMs, MillraceError, type Duration } from '@millrace/common';

/** Returns MR_OPTION_INVALID. */
export function invalidOption(
  message: string,
  details: Readonly<Record<string, unknown>> = {},
): MillraceError {
  return new MillraceError('MR_OPTION_INVALID', message, { details });
}

/** Refuses options that nobody knows: most are typing errors. */
export function refuseUnknownOptions(what: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw invalidOption(
      `Cannot use ${describe(options)} as options of ${what}: write an object with ${known.join(', ')}`,
    );
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    throw invalidOption(`Unknown option "${name}" of ${what}: it knows ${known.join(', ')}`, {
      option: name,
    });
  }
}

/** Returns the options that are not undefined, for spreading over defaults. */
export function givenOptions<O extends object>(
  options: O,
): { [Name in keyof O]: Exclude<O[Name], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;
}

/** Returns `value` if it is an integer in [min, max]. */
export function integerOption(
  what: string,
  value: unknown,
  range: { readonly min: number; readonly max?: number },
): number {
  const max = range.max ?? Number.MAX_SAFE_INTEGER;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= range.min && value <= max)
    return value;
  const limits = range.max === undefined ? `of at least ${range.min}` : `from ${range.min} to ${max}`;
  throw invalidOption(`Cannot use ${describe(value)} as ${what}: write an integer ${limits}`, {
    option: what,
  });
}

/** Returns `value` if it is a finite number above 0. */
export function positiveOption(what: string, value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
  throw invalidOption(`Cannot use ${describe(value)} as ${what}: write a number above 0`, { option: what });
}

/** Returns a duration of at least 1 ms in whole milliseconds. */
export function positiveMs(what: string, duration: Duration): number {
  const ms = wholeMs(what, duration);
  if (ms >= 1) return ms;
  throw invalidOption(`Cannot use ${describe(duration)} as ${what}: it must be at least 1 ms`, {
    option: what,
  });
}

/** Returns a duration of 0 or more in whole milliseconds. */
export function wholeMs(what: string, duration: Duration): number {
  if (typeof duration !== 'number' && typeof duration !== 'string') {
    throw invalidOption(
      `Cannot read ${what} ${describe(duration)}: write milliseconds or text such as '5 minutes'`,
    );
  }
  const ms = durationMs(duration, what);
  if (Number.isSafeInteger(ms)) return ms;
  throw invalidOption(
    `Cannot use ${describe(duration)} as ${what}: it must be a whole number of milliseconds`,
    { option: what },
  );
}

/** Returns `value` if it is text that is not empty. */
export function textOption(what: string, value: unknown): string {
  if (typeof value === 'string' && value.trim() !== '') return value;
  throw invalidOption(`Cannot use ${describe(value)} as ${what}: write text that is not empty`, {
    option: what,
  });
}

/** Returns `value` if it is true or false. */
export function booleanOption(what: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw invalidOption(`Cannot use ${describe(value)} as ${what}: write true or false`, { option: what });
}

/** Returns `value` if it is one of `allowed`. */
export function oneOf<Word extends string>(what: string, value: unknown, allowed: readonly Word[]): Word {
  const found = allowed.find((word) => word === value);
  if (found !== undefined) return found;
  const words = allowed.map((word) => `'${word}'`).join(', ');
  throw invalidOption(`Cannot use ${describe(value)} as ${what}: write one of ${words}`, { option: what });
}

/** A value as an error message shows it. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  return String(value);
}
