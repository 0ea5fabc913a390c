// Aggregates by name, checked and in the form that the engine reads.
import { describe, invalidOption } from '../options/check-options.ts';
import type { AggregateSpec } from './aggregate-spec.ts';
import type { Aggregate } from './aggregates.ts';

/** Aggregates of one operator at most. */
const AGGREGATES_MAX = 100;
const KINDS = new Set<unknown>([
  'count',
  'sum',
  'min',
  'max',
  'avg',
  'countDistinct',
  'first',
  'last',
  'topN',
  'sketch',
  'custom',
] satisfies AggregateSpec['kind'][]);

/** @throws {MillraceError} MR_OPTION_INVALID for none, too many, a name that is taken, or something else than an aggregate */
export function aggregateSpecs(
  aggregates: { readonly [name: string]: Aggregate<never, unknown> },
  takenNames: readonly string[],
): { readonly [name: string]: AggregateSpec } {
  const entries = Object.entries(aggregates ?? {});
  if (entries.length === 0)
    throw invalidOption('Cannot aggregate into nothing: write aggregate({ clicks: count() })');
  if (entries.length > AGGREGATES_MAX)
    throw invalidOption(`Cannot compute ${entries.length} aggregates at once: at most ${AGGREGATES_MAX}`);
  for (const [name, aggregate] of entries) {
    if (takenNames.includes(name))
      throw invalidOption(
        `Cannot name an aggregate "${name}": results have a field ${takenNames.join(', ')} already`,
      );
    if (!KINDS.has(aggregate?.kind)) {
      throw invalidOption(
        `Cannot use ${describe(aggregate)} as aggregate "${name}": write count(), avg((record) => …) and the like`,
      );
    }
  }
  return Object.freeze({ ...aggregates }) as { readonly [name: string]: AggregateSpec };
}
