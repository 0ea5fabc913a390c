// Parameters of a job: `--name value` behind `--` on the command line, read with a type and a default.
import { durationMs, MillraceError, type Duration } from '@millrace/common';

/**
 * Typed access to what was given behind `--`. Each getter returns the default when the parameter is absent.
 * @throws {MillraceError} MR_OPTION_INVALID when it is absent without a default, or cannot be read as the type
 */
export interface JobParameters {
  has(name: string): boolean;
  string(name: string, defaultValue?: string): string;
  number(name: string, defaultValue?: number): number;
  /** `true` or `false`; `--name` without a value is true. */
  boolean(name: string, defaultValue?: boolean): boolean;
  /** Milliseconds; given as `'5 minutes'` or a number of milliseconds. */
  duration(name: string, defaultValue?: Duration): number;
  readonly names: readonly string[];
}

/** Returns typed access to the parameters of a submission. */
export function jobParameters(params: { readonly [name: string]: string }): JobParameters {
  const given = new Map(Object.entries(params));

  function read<T>(
    name: string,
    defaultValue: T | undefined,
    what: string,
    parse: (text: string) => T | undefined,
  ): T {
    const text = given.get(name);
    if (text === undefined) {
      if (defaultValue !== undefined) return defaultValue;
      throw invalid(
        name,
        `Missing job parameter "${name}": pass it as \`-- --${name} <${what}>\`, or give a default in the job`,
      );
    }
    const value = parse(text);
    if (value === undefined)
      throw invalid(name, `Cannot read job parameter "${name}" as a ${what}: got "${text}"`);
    return value;
  }

  return Object.freeze({
    has: (name: string) => given.has(name),
    string: (name: string, defaultValue?: string) => read(name, defaultValue, 'text', (text) => text),
    number: (name: string, defaultValue?: number) => read(name, defaultValue, 'number', parseNumber),
    boolean: (name: string, defaultValue?: boolean) => read(name, defaultValue, 'boolean', parseBoolean),
    duration: (name: string, defaultValue?: Duration) =>
      read(
        name,
        defaultValue === undefined ? undefined : durationMs(defaultValue, name),
        'duration',
        (text) => durationMs(parseNumber(text) ?? text, `job parameter "${name}"`),
      ),
    names: Object.freeze([...given.keys()]),
  });
}

function parseNumber(text: string): number | undefined {
  const value = Number(text);
  return text.trim() === '' || !Number.isFinite(value) ? undefined : value;
}

function parseBoolean(text: string): boolean | undefined {
  if (text === 'true' || text === '') return true;
  return text === 'false' ? false : undefined;
}

function invalid(name: string, message: string): MillraceError {
  return new MillraceError('MR_OPTION_INVALID', message, { details: { parameter: name } });
}
