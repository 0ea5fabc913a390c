// Where event time comes from, and how far out of order it may be.
import type { Duration } from '@millrace/common';
import type { WatermarkSpec } from '../graph/operator.ts';
import { recordFunction } from '../function/check-function.ts';
import { describe, invalidOption, wholeMs } from '../options/check-options.ts';
import type { DeepReadonly } from '../readonly.ts';

declare const recordType: unique symbol;

/** Event time of a record: milliseconds since the epoch, UTC. NaN: none. */
export type TimestampFunction<T> = (record: DeepReadonly<T>) => number;

/** What {@link boundedOutOfOrderness}, {@link monotonous} and {@link noWatermarks} return. */
export interface Watermarks<in T> {
  readonly kind: WatermarkSpec['kind'];
  readonly [recordType]?: (record: T) => void;
}

/**
 * Records are at most `bound` behind the latest: the watermark is the greatest event time seen, less `bound`, less 1 ms.
 * @throws {MillraceError} MR_OPTION_INVALID for a bound that is negative or no duration
 */
export function boundedOutOfOrderness<T>(bound: Duration, timestamp: TimestampFunction<T>): Watermarks<T> {
  const spec: WatermarkSpec = {
    kind: 'bounded',
    boundMs: wholeMs('the bound of out-of-orderness', bound),
    timestamp: recordFunction('the timestamp function of watermarks', timestamp),
  };
  return Object.freeze(spec);
}

/** Event time never decreases within a split. */
export function monotonous<T>(timestamp: TimestampFunction<T>): Watermarks<T> {
  return boundedOutOfOrderness(0, timestamp);
}

/** No event time. */
export function noWatermarks(): Watermarks<unknown> {
  return Object.freeze({ kind: 'none' });
}

/** Returns watermarks as the engine reads them. */
export function watermarkSpec<T>(watermarks: Watermarks<T>): WatermarkSpec {
  if (watermarks?.kind === 'bounded' || watermarks?.kind === 'none') return watermarks as WatermarkSpec;
  throw invalidOption(
    `Cannot use ${describe(watermarks)} as watermarks: write boundedOutOfOrderness('1 minute', (record) => record.time)`,
  );
}
