// The accumulator of topN: a sorted array of at most `limit` entries that is never changed once it is made.
import type { AggregateSpec } from '@millrace/api';
import { fieldsRead, joinFields, type FieldsRead } from '../../chain/fields/fields-read.ts';
import { cutLoose } from './cut-loose.ts';

type TopNSpec = Extract<AggregateSpec, { readonly kind: 'topN' }>;

/** One of the greatest: its measure, what breaks ties (null: nothing), and what is kept of the record. */
interface Ranked {
  readonly by: number;
  readonly tie: string | number | null;
  readonly kept: unknown;
}

export interface TopN {
  /** What it reads of a record. */
  readonly fields: FieldsRead;
  /** Returns the accumulator with `record`; the same one when the record is not among the greatest. */
  readonly add: (accumulator: unknown, record: unknown) => unknown;
  readonly merge: (a: unknown, b: unknown) => unknown;
  readonly result: (accumulator: unknown) => readonly unknown[];
}

const NOTHING: readonly Ranked[] = [];

/** `number` looks at what `by` gave. */
export function topNOf(spec: TopNSpec, number: (value: unknown) => number): TopN {
  const by = spec.by as (record: unknown) => number;
  const tieBreak = spec.tieBreak as ((record: unknown) => string | number) | undefined;
  const select = spec.select as ((record: unknown) => unknown) | undefined;
  const { limit } = spec;

  function add(accumulator: unknown, record: unknown): unknown {
    const ranks = (accumulator ?? NOTHING) as readonly Ranked[];
    const measure = number(by(record));
    if (Number.isNaN(measure)) return ranks;
    const last = ranks[limit - 1];
    if (last !== undefined && measure < last.by) return ranks;
    const tie = tieBreak === undefined ? null : tieBreak(record);
    let place = ranks.length;
    while (place > 0 && isBefore(measure, tie, ranks[place - 1] as Ranked)) place--;
    if (place >= limit) return ranks;
    const kept = cutLoose(select === undefined ? record : select(record));
    const longer = ranks.slice(0, place);
    longer.push({ by: measure, tie, kept });
    for (let index = place; index < ranks.length && longer.length < limit; index++)
      longer.push(ranks[index] as Ranked);
    return longer;
  }

  function merge(a: unknown, b: unknown): unknown {
    const left = (a ?? NOTHING) as readonly Ranked[];
    const right = (b ?? NOTHING) as readonly Ranked[];
    const merged: Ranked[] = [];
    let i = 0;
    let j = 0;
    while (merged.length < limit && (i < left.length || j < right.length)) {
      const fromLeft = left[i];
      const fromRight = right[j];
      if (
        fromLeft === undefined ||
        (fromRight !== undefined && isBefore(fromRight.by, fromRight.tie, fromLeft))
      ) {
        merged.push(fromRight as Ranked);
        j++;
      } else {
        merged.push(fromLeft);
        i++;
      }
    }
    return merged;
  }

  return {
    fields: topNFields(spec),
    add,
    merge,
    result: (accumulator) => ((accumulator ?? NOTHING) as readonly Ranked[]).map((ranked) => ranked.kept),
  };
}

/** What a topN reads of a record: without `select` the record itself is kept. */
export function topNFields({ by, tieBreak, select }: TopNSpec): FieldsRead {
  if (select === undefined) return 'all';
  return [by, tieBreak, select].reduce<FieldsRead>(
    (fields, callee) => (callee === undefined ? fields : joinFields(fields, fieldsRead(callee))),
    'none',
  );
}

/** Greater measures come first, of equal ones the smaller tie; what came first stays first. */
function isBefore(by: number, tie: string | number | null, than: Ranked): boolean {
  if (by !== than.by) return by > than.by;
  return tie !== null && than.tie !== null && tie < than.tie;
}
