// The accumulator of topN: a sorted array of at most `limit` entries that is never changed once it is made.
import type { AggregateSpec } from '@millrace/api';
import type { CodeUnit } from '../../chain/codegen/code-unit.ts';
import type { RecordText } from '../../chain/codegen/record-text.ts';
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
  /** Statement that folds a record into `target`, which reads no more of it than its measure when it is not among the greatest. */
  readonly fold: (unit: CodeUnit, target: string, record: RecordText) => string;
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
  const withTies = spec.withTies === true;

  function add(accumulator: unknown, record: unknown): unknown {
    const ranks = (accumulator ?? NOTHING) as readonly Ranked[];
    const measure = number(by(record));
    if (Number.isNaN(measure)) return ranks;
    const last = ranks[limit - 1];
    if (last !== undefined && measure < last.by) return ranks;
    const tie = tieBreak === undefined ? null : tieBreak(record);
    const place = placeOf(ranks, measure, tie);
    if (!isKept(ranks, place, measure, tie)) return ranks;
    return placed(ranks, place, {
      by: measure,
      tie,
      kept: cutLoose(select === undefined ? record : select(record)),
    });
  }

  /** As `add`, of a record that is among the greatest as far as its measure tells. */
  function enter(accumulator: unknown, measure: number, tie: string | number | null, kept: unknown): unknown {
    const ranks = (accumulator ?? NOTHING) as readonly Ranked[];
    const place = placeOf(ranks, measure, tie);
    if (!isKept(ranks, place, measure, tie)) return ranks;
    return placed(ranks, place, { by: measure, tie, kept: cutLoose(kept) });
  }

  function isKept(
    ranks: readonly Ranked[],
    place: number,
    measure: number,
    tie: string | number | null,
  ): boolean {
    if (place < limit) return true;
    const last = ranks[limit - 1];
    return withTies && last !== undefined && isTied(last, measure, tie);
  }

  function placed(ranks: readonly Ranked[], place: number, added: Ranked): readonly Ranked[] {
    const longer = ranks.slice(0, place);
    longer.push(added);
    for (let index = place; index < ranks.length && mayFollow(longer, ranks[index] as Ranked); index++)
      longer.push(ranks[index] as Ranked);
    return longer;
  }

  /** Whether `next` is still among the greatest behind those that come first. */
  function mayFollow(first: readonly Ranked[], next: Ranked): boolean {
    if (first.length < limit) return true;
    const last = first[limit - 1];
    return withTies && last !== undefined && isTied(last, next.by, next.tie);
  }

  function merge(a: unknown, b: unknown): unknown {
    const left = (a ?? NOTHING) as readonly Ranked[];
    const right = (b ?? NOTHING) as readonly Ranked[];
    const merged: Ranked[] = [];
    let i = 0;
    let j = 0;
    while (i < left.length || j < right.length) {
      const fromLeft = left[i];
      const fromRight = right[j];
      const isRight =
        fromLeft === undefined ||
        (fromRight !== undefined && isBefore(fromRight.by, fromRight.tie, fromLeft));
      const next = (isRight ? fromRight : fromLeft) as Ranked;
      if (!mayFollow(merged, next)) break;
      merged.push(next);
      if (isRight) j++;
      else i++;
    }
    return merged;
  }

  function fold(unit: CodeUnit, target: string, record: RecordText): string {
    const measure = unit.fresh('measure');
    const ranks = unit.fresh('ranks');
    const read = `const ${measure} = ${unit.bind(number, 'number')}(${unit.bind(by, 'by')}(${record.argument(by)}));`;
    const entering = record.behindCondition(unit);
    const tie =
      tieBreak === undefined
        ? 'null'
        : `${unit.bind(tieBreak, 'tieBreak')}(${entering.record.argument(tieBreak)})`;
    const kept =
      select === undefined
        ? entering.record.whole()
        : `${unit.bind(select, 'select')}(${entering.record.argument(select)})`;
    const entered = `${target} = ${unit.bind(enter, 'enter')}(${ranks}, ${measure}, ${tie}, ${kept});`;
    // What is equal to the last one by its measure alone comes behind it.
    const mayPass = withTies || tieBreak !== undefined ? '>=' : '>';
    return [
      `{ ${read}`,
      `const ${ranks} = ${target};`,
      `if (${ranks} === undefined || ${ranks}.length < ${limit} ? ${measure} === ${measure} : ${measure} ${mayPass} ${ranks}[${limit - 1}].by) {`,
      entering.declaration(),
      entered,
      '} }',
    ].join('\n');
  }

  return {
    fields: topNFields(spec),
    add,
    fold,
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

/** Index behind the last one that does not come after the new one. */
function placeOf(ranks: readonly Ranked[], measure: number, tie: string | number | null): number {
  let place = ranks.length;
  while (place > 0 && isBefore(measure, tie, ranks[place - 1] as Ranked)) place--;
  return place;
}

function isTied(ranked: Ranked, measure: number, tie: string | number | null): boolean {
  return ranked.by === measure && ranked.tie === tie;
}

/** Greater measures come first, of equal ones the smaller tie; what came first stays first. */
function isBefore(by: number, tie: string | number | null, than: Ranked): boolean {
  if (by !== than.by) return by > than.by;
  return tie !== null && than.tie !== null && tie < than.tie;
}
