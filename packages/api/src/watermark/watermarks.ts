// Where event time comes from, and how far out of order it may be.
import type { Duration } from '@millrace/common';
import type { WatermarkGeneratorSpec, WatermarkSpec } from '../graph/operator.ts';
import { recordFunction } from '../function/check-function.ts';
import { describe, invalidOption, positiveMs, wholeMs } from '../options/check-options.ts';
import type { DeepReadonly } from '../readonly.ts';
import { watermarkTiming, type WatermarkOptions } from './watermark-options.ts';

declare const recordType: unique symbol;

/** Event time of a record: milliseconds since the epoch, UTC. NaN: none. */
export type TimestampFunction<T> = (record: DeepReadonly<T>) => number;

/** A watermark strategy: what {@link boundedOutOfOrderness} and the other functions of this file return. */
export interface Watermarks<in T> {
  readonly kind: WatermarkSpec['kind'];
  readonly [recordType]?: (record: T) => void;
}

/**
 * Makes the watermarks of one split. A watermark of `t` says that no record with event time `t` or less follows; one that is less than
 * an earlier one is ignored. What it keeps is lost by a recovery: it starts anew, but watermarks do not go back.
 * Source: Flink's WatermarkGenerator.
 */
export interface WatermarkGenerator<T> {
  /** Called with each record that has event time. Returns the watermark that it marks; undefined: none. Units: ms. */
  onRecord(record: DeepReadonly<T>, timestampMs: number): number | undefined;
  /** Called once in an `interval`, also while no records come. `nowMs`: the wall clock. */
  onPeriodic?(nowMs: number): number | undefined;
}

/** Options of {@link customWatermarks}. */
export interface CustomWatermarkOptions extends WatermarkOptions {
  /** How often `onPeriodic` is called. Default 200 ms. */
  readonly interval?: Duration;
}

const INTERVAL_MS_DEFAULT = 200;

/**
 * Records are at most `bound` behind the latest: the watermark is the greatest event time seen, less `bound`, less 1 ms.
 * @throws {MillraceError} MR_OPTION_INVALID for a bound that is negative or no duration
 */
export function boundedOutOfOrderness<T>(
  bound: Duration,
  timestamp: TimestampFunction<T>,
  options: WatermarkOptions = {},
): Watermarks<T> {
  const spec: WatermarkSpec = {
    kind: 'bounded',
    boundMs: wholeMs('the bound of out-of-orderness', bound),
    timestamp: timestampFunction(timestamp),
    ...watermarkTiming('boundedOutOfOrderness()', options),
  };
  return Object.freeze(spec);
}

/** Event time never decreases within a split. @throws {MillraceError} MR_OPTION_INVALID */
export function monotonous<T>(
  timestamp: TimestampFunction<T>,
  options: WatermarkOptions = {},
): Watermarks<T> {
  return boundedOutOfOrderness(0, timestamp, options);
}

/**
 * Some records are markers: the watermark is what `mark` returns for them, for the others it returns undefined.
 * @throws {MillraceError} MR_OPTION_INVALID
 */
export function punctuated<T>(
  timestamp: TimestampFunction<T>,
  mark: (record: DeepReadonly<NoInfer<T>>, timestampMs: number) => number | undefined,
  options: WatermarkOptions = {},
): Watermarks<T> {
  const onRecord = recordFunction('the marker function of punctuated()', mark);
  const spec: WatermarkSpec = {
    kind: 'custom',
    timestamp: timestampFunction(timestamp),
    generator: () => ({ onRecord }),
    ...watermarkTiming('punctuated()', options),
  };
  return Object.freeze(spec);
}

/**
 * Watermarks by an algorithm of your own: `generator` is called for each split, and makes an object that sees its records.
 * @throws {MillraceError} MR_OPTION_INVALID
 */
export function customWatermarks<T>(
  timestamp: TimestampFunction<T>,
  generator: () => WatermarkGenerator<NoInfer<T>>,
  options: CustomWatermarkOptions = {},
): Watermarks<T> {
  const { interval = INTERVAL_MS_DEFAULT, ...others } = options;
  const spec: WatermarkSpec = {
    kind: 'custom',
    timestamp: timestampFunction(timestamp),
    generator: recordFunction(
      'the generator of customWatermarks()',
      generator,
    ) as () => WatermarkGeneratorSpec,
    intervalMs: positiveMs('`interval` of watermarks', interval),
    ...watermarkTiming('customWatermarks()', others),
  };
  return Object.freeze(spec);
}

/**
 * Event time is the time at which the record is read, by the clock of its machine: never late, never out of order, and other after a
 * recovery. The watermark follows the clock, also while no records come. Source: Flink's ingestion time.
 */
export function ingestionTime(): Watermarks<unknown> {
  const spec: WatermarkSpec = { kind: 'ingestion', idleAfterMs: null };
  return Object.freeze(spec);
}

/** No event time. */
export function noWatermarks(): Watermarks<unknown> {
  return Object.freeze({ kind: 'none' });
}

const KINDS: readonly unknown[] = [
  'bounded',
  'custom',
  'ingestion',
  'none',
] satisfies WatermarkSpec['kind'][];

/** Returns watermarks as the engine reads them. */
export function watermarkSpec<T>(watermarks: Watermarks<T>): WatermarkSpec {
  if (KINDS.includes(watermarks?.kind)) return watermarks as WatermarkSpec;
  throw invalidOption(
    `Cannot use ${describe(watermarks)} as watermarks: write boundedOutOfOrderness('1 minute', (record) => record.time)`,
  );
}

/** Idleness and alignment are a source's: elsewhere nobody can wait, or knows why nothing comes. */
export function watermarkSpecElsewhere<T>(watermarks: Watermarks<T>): WatermarkSpec {
  const spec = watermarkSpec(watermarks);
  const isSources = spec.kind === 'bounded' || spec.kind === 'custom';
  const option = !isSources
    ? undefined
    : spec.alignment !== undefined
      ? 'alignment'
      : spec.idleAfterMs !== undefined
        ? 'idleAfter'
        : undefined;
  if (option === undefined) return spec;
  throw invalidOption(
    `Cannot use \`${option}\` of watermarks here: it is about the splits of a source, so give the watermarks directly behind env.source(…)`,
    { option },
  );
}

function timestampFunction<T>(timestamp: TimestampFunction<T>): TimestampFunction<T> {
  return recordFunction('the timestamp function of watermarks', timestamp);
}
