// [HOT] The user's function over windows that are kept as slices or sessions: it has no state and no lifecycle.
import type { WindowProcessSpec } from '@millrace/api';
import { INLINE_RESULTS_MAX } from '../../chain/emission.ts';
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
  const freezesRecords = setup.environment.freezeRecords === true;
  const site = sites.register(node, 'window function');
  const call = process as Process;
  const failed = (error: unknown, key: unknown, { startMs, endMs, timestampMs }: WindowBounds): void =>
    failures.take(error, site, { key, windowStart: startMs, windowEnd: endMs }, timestampMs, -1);
  return (key, contents, bounds) => {
    const window = { start: bounds.startMs, end: bounds.endMs };
    const { timestampMs } = bounds;
    let results: unknown;
    try {
      results = isKeyed ? call(key, contents, window) : call(contents, window);
    } catch (error) {
      failed(error, key, bounds);
      return;
    }
    if (
      !freezesRecords &&
      Array.isArray(results) &&
      results.length <= INLINE_RESULTS_MAX &&
      !emission.isStopped
    ) {
      const { emit } = output;
      for (let index = 0; index < results.length; index++) emit(results[index], timestampMs);
      emission.count += results.length;
      return;
    }
    try {
      sites.refusePromise(results, site);
    } catch (error) {
      failed(error, key, bounds);
      return;
    }
    // A join gives its results one by one: there may be many.
    if (typeof results !== 'object' || results === null || !(Symbol.iterator in results)) return;
    const onError = (error: unknown): void => failed(error, key, bounds);
    emission.emitAll(results as Iterable<unknown>, { timestampMs, emit: output.emit, onError });
  };
}
