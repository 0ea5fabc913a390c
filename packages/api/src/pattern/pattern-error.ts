// What is wrong with a pattern.
import { MillraceError } from '@millrace/common';

/** Returns MR_PATTERN_INVALID. */
export function invalidPattern(
  message: string,
  details: Readonly<Record<string, unknown>> = {},
): MillraceError {
  return new MillraceError('MR_PATTERN_INVALID', message, { details });
}
