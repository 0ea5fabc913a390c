// Order and number of records: sort within event time, limit.
import { tagName, type OutputTag } from '../function/output-tag.ts';
import type { Transformation } from '../graph/transformation.ts';
import { integerOption, refuseUnknownOptions } from '../options/check-options.ts';
import type { DeepMutable } from '../readonly.ts';
import { addRunning, type KeyedInput } from './keyed-input.ts';
import { orderingSpecs, type OrderBy, type Ordering } from './ordering.ts';

/** Options of `sort()`. */
export interface SortOptions<T> {
  /** Order of records with the same event time. Default: by arrival. */
  readonly thenBy?: OrderBy<T>;
  /** Where records go that come when the watermark has passed them. Default: they are counted and left out. */
  readonly lateOutput?: OutputTag<DeepMutable<T>>;
}

/** Adds a sort by event time. */
export function addSort(input: KeyedInput, options: SortOptions<never>): Transformation {
  refuseUnknownOptions('sort()', options, ['thenBy', 'lateOutput']);
  const { thenBy, lateOutput } = options;
  return addRunning(
    input,
    {
      kind: 'sort',
      orderBy: thenBy === undefined ? [] : orderingSpecs('sort()', thenBy as Ordering<never>),
      ...(lateOutput === undefined ? {} : { lateOutput: tagName(lateOutput, '`lateOutput` of sort()') }),
    },
    'sort',
  );
}

/** Adds a limit. */
export function addLimit(input: KeyedInput, count: number): Transformation {
  const recordsMax = integerOption('the number of records of limit()', count, { min: 0 });
  return addRunning(input, { kind: 'limit', recordsMax }, 'limit');
}
