// Options that several running operators share.
import type { Duration } from '@millrace/common';
import { booleanOption, integerOption, positiveMs, refuseUnknownOptions } from '../options/check-options.ts';
import type { MiniBatchSpec } from './changelog-operator.ts';

/** State that is not written for this long is dropped, silently. Source: Flink's `table.exec.state.ttl`. */
export interface StateTtlOption {
  /** By processing time. Default: never. */
  readonly stateTtl?: Duration;
}

/** Whether an update comes with the row as it was. */
export interface UpdateBeforeOption {
  /** False leaves `updateBefore` out, for whoever updates by key. Default true. */
  readonly generateUpdateBefore?: boolean;
}

/**
 * Takes several inputs before it emits, and then what changed of each key, at most one update: intermediate ones are
 * suppressed. Source: Flink's `table.exec.mini-batch`, Kafka Streams' `suppress`.
 */
export interface MiniBatchOptions {
  /** Inputs of a subtask after which it emits. Default 5,000. Bounds: at most 1,000,000. */
  readonly size?: number;
  /**
   * Emits at the latest this long after the first input; watermarks may come to those behind half as much later. Default: not before
   * the next watermark or the end of input.
   */
  readonly allowLatency?: Duration;
}

/** Inputs of a mini-batch at most. */
const MINI_BATCH_SIZE_MAX = 1_000_000;
const MINI_BATCH_SIZE_DEFAULT = 5_000;

/** Milliseconds; Infinity when unset. */
export function ttlMs(what: string, stateTtl: Duration | undefined): number {
  return stateTtl === undefined ? Infinity : positiveMs(`\`stateTtl\` of ${what}`, stateTtl);
}

/** True unless it is left out. @throws {MillraceError} MR_OPTION_INVALID */
export function updateBefore(what: string, { generateUpdateBefore = true }: UpdateBeforeOption): boolean {
  return booleanOption(`\`generateUpdateBefore\` of ${what}`, generateUpdateBefore);
}

/** @throws {MillraceError} MR_OPTION_INVALID */
export function miniBatchSpec(what: string, miniBatch: MiniBatchOptions): MiniBatchSpec {
  refuseUnknownOptions(`\`miniBatch\` of ${what}`, miniBatch, ['size', 'allowLatency']);
  const { size = MINI_BATCH_SIZE_DEFAULT, allowLatency } = miniBatch;
  return Object.freeze({
    recordsMax: integerOption(`\`size\` of the mini-batch of ${what}`, size, {
      min: 1,
      max: MINI_BATCH_SIZE_MAX,
    }),
    latencyMs:
      allowLatency === undefined
        ? Infinity
        : positiveMs(`\`allowLatency\` of the mini-batch of ${what}`, allowLatency),
  });
}
