// The user's function over windows that are kept as slices or sessions: it has no state and no lifecycle.
import type { WindowProcessSpec } from '@millrace/api';
import type { OperatorSetup } from '../operator-setup.ts';
import type { WindowBounds } from './window-contents.ts';

/** Calls the function with what a window of a key came to, and sends on what it returns. */
export type CallWindowFunction = (key: unknown, contents: unknown, bounds: WindowBounds) => void;

type Process = (...args: readonly unknown[]) => unknown;

/** Returns the call of a function; `isKeyed`: it gets the key first. */
export function windowFunction(
  setup: OperatorSetup,
  { process }: WindowProcessSpec,
  isKeyed: boolean,
): CallWindowFunction {
  const { emission, output, failures, sites, node } = setup;
  const site = sites.register(node, 'window function');
  const call = process as Process;
  return (key, contents, { startMs, endMs, timestampMs }) => {
    const of = { key, windowStart: startMs, windowEnd: endMs };
    const onError = (error: unknown): void => failures.take(error, site, of, timestampMs, -1);
    const window = { start: startMs, end: endMs };
    let results: unknown;
    try {
      results = isKeyed ? call(key, contents, window) : call(contents, window);
      sites.refusePromise(results, site);
    } catch (error) {
      onError(error);
    }
    // A join gives its results one by one: there may be many.
    if (typeof results !== 'object' || results === null || !(Symbol.iterator in results)) return;
    emission.emitAll(results as Iterable<unknown>, { timestampMs, emit: output.emit, onError });
  };
}
