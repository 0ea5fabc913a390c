// Distinct counts where the values of a key are one accumulator: in windows and OVER, whose accumulators are merged and dropped.
import type { AggregateSpec } from '@millrace/api';
import type { DistinctSpec } from './distinct-group.ts';

type CustomSpec = Extract<AggregateSpec, { readonly kind: 'custom' }>;

/** Returns the functions of an accumulator that is a Map of the values, with how often each is there; undefined has none. */
export function distinctAccumulator(spec: DistinctSpec): Pick<
  CustomSpec,
  'create' | 'add' | 'merge' | 'retract'
> & {
  readonly size: (counts: Map<unknown, number> | undefined) => number;
} {
  const select = spec.select as (record: unknown) => unknown;
  const add = (counts: Map<unknown, number>, record: unknown): Map<unknown, number> =>
    counted(counts, select(record), 1);
  const retract = (counts: Map<unknown, number>, record: unknown): Map<unknown, number> =>
    counted(counts, select(record), -1);
  const merge = (a: Map<unknown, number>, b: Map<unknown, number>): Map<unknown, number> => {
    for (const [value, times] of b) counted(a, value, times);
    return a;
  };
  return {
    create: () => new Map(),
    add: add as CustomSpec['add'],
    retract: retract as unknown as CustomSpec['add'],
    merge: merge as CustomSpec['merge'],
    size: (counts) => counts?.size ?? 0,
  };
}

function counted(counts: Map<unknown, number>, value: unknown, by: number): Map<unknown, number> {
  if (value === null || value === undefined) return counts;
  const times = (counts.get(value) ?? 0) + by;
  if (times === 0) counts.delete(value);
  else counts.set(value, times);
  return counts;
}
