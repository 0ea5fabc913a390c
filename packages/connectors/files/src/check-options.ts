// Options are checked when the graph is built: a slip must not cost anybody a run, or files.
import { MillraceError } from '@millrace/api';

/** Returns `value`. @throws {MillraceError} MR_OPTION_INVALID unless it is a whole number of at least 1 */
export function positiveInteger(option: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new MillraceError(
    'MR_OPTION_INVALID',
    `Cannot use ${String(value)} as \`${option}\`: write a whole number of at least 1`,
    {
      details: { option },
    },
  );
}

/** Returns `value`. @throws {MillraceError} MR_OPTION_INVALID unless it is one of `values` */
export function oneOf<T extends string>(option: string, value: T, values: readonly T[]): T {
  if (values.includes(value)) return value;
  throw new MillraceError(
    'MR_OPTION_INVALID',
    `Cannot use ${JSON.stringify(value)} as \`${option}\`: write ${values.map((one) => `'${one}'`).join(' or ')}`,
    { details: { option } },
  );
}

/** @throws {MillraceError} MR_OPTION_INVALID unless they are different texts, none of them empty */
export function checkNames(option: string, names: readonly string[]): void {
  const given: readonly unknown[] = Array.isArray(names) ? names : [undefined];
  if (given.every((name) => typeof name === 'string' && name !== '') && new Set(given).size === given.length)
    return;
  throw new MillraceError(
    'MR_OPTION_INVALID',
    `Cannot use \`${option}\`: write an array of names of fields, each once`,
    { details: { option } },
  );
}

/** Returns the names in `times`. @throws {MillraceError} MR_OPTION_INVALID as {@link checkNames} */
export function checkTimes(times: readonly string[] | undefined): ReadonlySet<string> {
  if (times !== undefined) checkNames('times', times);
  return new Set(times);
}

/** Returns `path`. @throws {MillraceError} MR_OPTION_INVALID unless it is a text or several, none of them empty */
export function checkPath(path: string | readonly string[]): string | readonly string[] {
  const paths: readonly unknown[] = typeof path === 'string' ? [path] : Array.isArray(path) ? path : [];
  if (paths.length > 0 && paths.every((one) => typeof one === 'string' && one !== '')) return path;
  throw new MillraceError(
    'MR_OPTION_INVALID',
    'Cannot use `path`: write a file, a directory or a glob, or an array of these',
    {
      details: { option: 'path' },
    },
  );
}
