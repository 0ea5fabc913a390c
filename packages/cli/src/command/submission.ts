// What a submission freezes: arguments, parameters, declared environment, base directory.
import { MillraceError } from '@millrace/common';
import type { SubmissionContext } from '@millrace/proto';

/**
 * Returns the submission of a command line.
 * @throws {MillraceError} MR_USAGE for a declared environment variable that is not set
 */
export function submissionContext(of: {
  readonly args: readonly string[];
  readonly environmentNames: readonly string[];
  readonly baseDirectory: string;
}): SubmissionContext {
  const environment: Record<string, string> = {};
  for (const name of of.environmentNames) {
    const value = process.env[name];
    if (value === undefined)
      throw new MillraceError('MR_USAGE', `Cannot pass on the environment variable "${name}": it is not set`);
    environment[name] = value;
  }
  return { args: of.args, params: parseParams(of.args), environment, baseDirectory: of.baseDirectory };
}

/** `--name value`, `--name=value` and `--flag` (as 'true') by name; anything else is only among the arguments. */
export function parseParams(args: readonly string[]): Record<string, string> {
  const params: Record<string, string> = {};
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] ?? '';
    if (!arg.startsWith('--') || arg === '--') continue;
    const equals = arg.indexOf('=');
    const name = arg.slice(2, equals === -1 ? undefined : equals);
    const next = args[index + 1];
    let value = 'true';
    if (equals !== -1) value = arg.slice(equals + 1);
    else if (next !== undefined && !next.startsWith('--')) {
      value = next;
      index++;
    }
    Object.defineProperty(params, name, { value, enumerable: true, writable: true, configurable: true });
  }
  return params;
}
