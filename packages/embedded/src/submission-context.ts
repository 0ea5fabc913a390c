// What a run from code freezes, as the command line does for a submission.
import { resolve } from 'node:path';
import type { ExecuteOptions } from '@millrace/api';
import type { SubmissionContext } from '@millrace/proto';

/** Parameters are `--name value`, `--name=value` and `--name` (true) among the arguments; those given by name win. */
export function submissionContextOf(options: ExecuteOptions): SubmissionContext {
  const args = options.args ?? [];
  return {
    args,
    params: { ...paramsOf(args), ...options.params },
    environment: options.environment ?? {},
    baseDirectory: resolve(options.baseDirectory ?? '.'),
  };
}

function paramsOf(args: readonly string[]): { readonly [name: string]: string } {
  const params: { [name: string]: string } = {};
  for (const [index, argument] of args.entries()) {
    if (!argument.startsWith('--') || argument === '--') continue;
    const equals = argument.indexOf('=');
    const next = args[index + 1];
    if (equals > 0) params[argument.slice(2, equals)] = argument.slice(equals + 1);
    else params[argument.slice(2)] = next === undefined || next.startsWith('--') ? 'true' : next;
  }
  return params;
}
