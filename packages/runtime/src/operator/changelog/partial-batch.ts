// How a running aggregate and those that sum up its records share the time that a mini-batch may take.
import type { GroupAggregateOperator } from '@millrace/api';
import type { Clock } from '@millrace/common';
import type { PartialBatch } from '../window/partial-aggregates.ts';

/** Records of a producer that are summed up at most where no mini-batch says so: results are wanted at the end only. */
const RECORDS_MAX = 1_000_000;

/** How long each side waits, ms: half of what the user allows. Infinity: until the next watermark or the end. */
export function sharedLatencyMs({ miniBatch }: Pick<GroupAggregateOperator, 'miniBatch'>): number {
  return (miniBatch?.latencyMs ?? Infinity) / 2;
}

/** When producers send what they have summed up. */
export function partialBatch(spec: GroupAggregateOperator, clock: Clock): PartialBatch {
  return {
    recordsMax: spec.miniBatch?.recordsMax ?? RECORDS_MAX,
    latencyMs: sharedLatencyMs(spec),
    clock,
    keepsAll: spec.stateTtlMs === Infinity,
  };
}
