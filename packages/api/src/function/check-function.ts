// Checks on the user's functions when the graph is built.
import { MillraceError } from '@millrace/common';
import type { UserFunction } from '../graph/operator.ts';
import { describe, invalidOption } from '../options/check-options.ts';

/**
 * Returns `fn` itself, never a wrapper: the engine reads its source to call it in line.
 * @throws {MillraceError} MR_OPTION_INVALID when it is no function
 * @throws {MillraceError} MR_PROMISE_RETURNED when it is declared `async`
 */
export function recordFunction<F extends UserFunction>(what: string, fn: F): F {
  if (typeof fn !== 'function')
    throw invalidOption(`Cannot use ${describe(fn)} as ${what}: write a function`);
  const kind = (fn as { readonly constructor?: { readonly name?: string } }).constructor?.name;
  if (kind === 'AsyncFunction' || kind === 'AsyncGeneratorFunction') {
    throw new MillraceError(
      'MR_PROMISE_RETURNED',
      `Cannot use an async function as ${what}: records are processed synchronously; ` +
        'ask other systems with mapAsync(), read tables with join(), load what you need in open(), and leave writing to a sink',
      { details: { function: what } },
    );
  }
  return fn;
}
