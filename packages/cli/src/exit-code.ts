// Exit codes that scripts may rely on.
import { isMillraceError } from '@millrace/common';

export const ExitCode = {
  Ok: 0,
  Failure: 1,
  Usage: 2,
  JobFailed: 3,
  NotFound: 4,
  Interrupted: 130,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

const USAGE_CODES: ReadonlySet<string> = new Set([
  'MR_USAGE',
  'MR_OPTION_INVALID',
  'MR_COMPILE',
  'MR_JOB_FILE',
  'MR_NO_GRAPH',
  'MR_NATIVE_ADDON',
  'MR_GRAPH_INVALID',
  'MR_DUPLICATE_UID',
  'MR_CHANGELOG_REFUSED',
  'MR_PATTERN_INVALID',
  'MR_PROMISE_RETURNED',
]);
const NOT_FOUND_CODES: ReadonlySet<string> = new Set(['MR_JOB_NOT_FOUND', 'MR_SAVEPOINT_NOT_FOUND']);

/** Exit code for an error that ended a command: 2 for what the caller wrote, 4 for what is not there, else 1. */
export function exitCodeOf(error: unknown): ExitCode {
  if (!isMillraceError(error)) return ExitCode.Failure;
  if (NOT_FOUND_CODES.has(error.code)) return ExitCode.NotFound;
  return USAGE_CODES.has(error.code) ? ExitCode.Usage : ExitCode.Failure;
}
