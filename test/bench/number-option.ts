// Numbers behind the options of benchmarks.
import { MillraceError } from '@millrace/common';

/** Returns the number, which may be written `1_000_000`. @throws {MillraceError} MR_USAGE unless it is above 0 */
export function numberOption(name: string, text: string): number {
  const value = Number(text.replaceAll('_', ''));
  if (Number.isFinite(value) && value > 0) return value;
  throw new MillraceError('MR_USAGE', `Cannot use "${text}" as --${name}: write a number above 0`);
}
