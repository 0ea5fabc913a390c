// How aggregates are kept and computed: which columns a table has, and the text that folds, merges and reads them.
import { MillraceError, unreachable } from '@millrace/common';
import type { AggregateSpec, StreamNode, UserFunction } from '@millrace/api';
import type { ColumnKind } from '@millrace/state';
import { property, type CodeUnit } from '../../chain/codegen/code-unit.ts';
import type { RecordText } from '../../chain/codegen/record-text.ts';
import type { ErrorSites } from '../../chain/user-error.ts';
import { fieldsRead, type FieldsRead } from '../../chain/fields/fields-read.ts';
import { cutLoose } from './cut-loose.ts';
import { distinctAccumulator } from './distinct-accumulator.ts';
import { DistinctGroup, type DistinctSpec } from './distinct-group.ts';
import {
  conditionText,
  filteredSum,
  filteredValue,
  type ConditionText,
  type SharedCondition,
} from './filtered-cell.ts';
import { keptValues, type KeptValues } from './kept-values.ts';
import { OwnedAccumulators } from './owned-accumulators.ts';
import { OwnedSketches } from './owned-sketches.ts';
import { topNOf, type TopN } from './top-n.ts';

/**
 * One accumulator column. Text arguments are expressions; `target` can be assigned to.
 * Contract: before the first `fold` or `merge`, target is 0 (f64) or undefined (value), and `isNew` is true.
 */
export interface AggregateCell {
  readonly column: ColumnKind;
  /** Name of the cell in a partial row: `n` counts records. */
  readonly partialName: string;
  /** Expression: the accumulator of no record at all. Unset: 0 (f64) or undefined (value). */
  empty?(unit: CodeUnit): string;
  /** Statement that folds a record into `target`. */
  fold(unit: CodeUnit, target: string, record: RecordText, isNew: string): string;
  /** Expression: what folding a record into `source` gives; `source` itself is not assigned to. */
  folded(unit: CodeUnit, source: string, record: RecordText, isNew: string): string;
  /** Expression: the accumulator of one record alone. */
  single(unit: CodeUnit, record: RecordText): string;
  /** Statement that merges `source` into `target`. */
  merge(unit: CodeUnit, target: string, source: string, isNew: string): string;
  /** Expression: a copy of `source` that may be merged into; unset when merging changes nothing in place. */
  copy?(unit: CodeUnit, source: string): string;
  /** Statement that takes a record out of `target` that was folded into it. Unset: cannot be done. */
  retract?(unit: CodeUnit, target: string, record: RecordText): string;
  /** Folding may change the accumulator in place. Unset: it gives a new one. */
  readonly changesInPlace?: true;
  /**
   * What was merged by adding can be taken out again by subtracting: counts always, sums only as long as all are whole
   * numbers within 2^53. Unset: never.
   */
  readonly subtraction?: 'exact' | 'integers';
  /** It counts for a group of the layout, which alone changes it; it is not in partial rows. */
  readonly isOfGroup?: true;
}

/** Columns and text of the aggregates of one operator. */
export interface AggregateLayout {
  readonly cells: readonly AggregateCell[];
  /** Distinct counts whose values are state by themselves. Empty where the operator did not ask for them. */
  readonly groups: readonly DistinctGroup[];
  /** Conditions that are in the text of several aggregates: see `withAnswers`. */
  readonly conditions: readonly SharedCondition[];
  /** A function of the user's makes results of accumulators. */
  readonly hasResultFunction: boolean;
  /** Something comes of no records at all: a count of 0. Nothing does of a reduce function. */
  readonly hasEmptyResult: boolean;
  /** Expression: the results, from an expression for each cell. `head` are properties that come first. */
  results(unit: CodeUnit, cell: (index: number) => string, head: readonly string[]): string;
  /** At a barrier: what is in accumulators now is the snapshot's, and must not be changed in place any more. */
  freeze(): void;
}

/** Name of the record count in partial rows; always there. */
export const PARTIAL_COUNT = 'n';

const PLUS = {
  column: 'f64',
  merge: (_unit: CodeUnit, target: string, source: string) => `${target} += ${source};`,
} as const;

const recordCount: AggregateCell = {
  ...PLUS,
  partialName: PARTIAL_COUNT,
  fold: (_unit, target) => `${target} += 1;`,
  folded: (_unit, source) => `${source} + 1`,
  single: () => '1',
  retract: (_unit, target) => `${target} -= 1;`,
  subtraction: 'exact',
};

type Result = (unit: CodeUnit, cell: (index: number) => string) => string;

/**
 * Returns the layout of named aggregates: results are the properties of one object. `hasGroups`: the operator keeps the values
 * of distinct counts itself; else they are accumulators.
 */
export function aggregateLayout(
  aggregates: { readonly [name: string]: AggregateSpec },
  of: Pick<LayoutOptions, 'node' | 'sites'> & { readonly hasGroups?: boolean },
): AggregateLayout {
  return layoutOf(aggregates, { hasGroups: false, ...of, isRetracting: false });
}

/**
 * Returns a layout whose cells can all take records out again, one of which counts records: `count` is its index. Extremes, first
 * and last ones and topN keep all values that are there.
 */
export function retractingLayout(
  aggregates: { readonly [name: string]: AggregateSpec },
  of: Pick<LayoutOptions, 'node' | 'sites'>,
): AggregateLayout & { readonly count: number } {
  const layout = layoutOf(aggregates, { ...of, hasGroups: true, isRetracting: true });
  return { ...layout, count: layout.cells.findIndex((cell) => cell.partialName === PARTIAL_COUNT) };
}

interface LayoutOptions {
  readonly node: StreamNode;
  readonly sites: ErrorSites;
  readonly isRetracting: boolean;
  readonly hasGroups: boolean;
}

function layoutOf(
  aggregates: { readonly [name: string]: AggregateSpec },
  of: LayoutOptions,
): AggregateLayout {
  const { node, sites } = of;
  const groups: DistinctGroup[] = [];
  const cells: AggregateCell[] = [];
  const freezes: (() => void)[] = [];
  const results: [name: string, result: Result][] = [];
  const add = (cell: Omit<AggregateCell, 'partialName'>): number =>
    cells.push({ ...cell, partialName: `a${cells.length}` }) - 1;
  const count = (): number => {
    const known = cells.findIndex((cell) => cell.partialName === PARTIAL_COUNT);
    return known >= 0 ? known : cells.push(recordCount) - 1;
  };
  const sink = { add, count, freezes, node, sites, groups: of.hasGroups ? groups : undefined };
  for (const [name, spec] of Object.entries(aggregates)) {
    const named = { ...sink, name };
    const kept = of.isRetracting ? keptValues(spec, checksOf(named).number) : undefined;
    results.push([name, kept === undefined ? resultOf(spec, named) : resultOfKept(kept, spec, named)]);
  }
  if (of.isRetracting) count();
  return {
    cells,
    groups,
    conditions: sharedConditions(Object.values(aggregates), sites, node),
    hasResultFunction: Object.values(aggregates).some(({ kind }) => kind === 'custom' || kind === 'sketch'),
    hasEmptyResult: true,
    freeze: () => freezes.forEach((freeze) => freeze()),
    results: (unit, cell, head) =>
      `{ ${[...head, ...results.map(([name, result]) => property(name, result(unit, cell)))].join(', ')} }`,
  };
}

/** Returns the layout of a reduce function: one value, which is the result. */
export function reduceLayout(reduce: UserFunction): AggregateLayout {
  const call = (unit: CodeUnit, a: string, b: string): string => `${unit.bind(reduce, 'reduce')}(${a}, ${b})`;
  const loose = (unit: CodeUnit, value: string): string => `${unit.bind(cutLoose, 'cutLoose')}(${value})`;
  const cell: AggregateCell = {
    column: 'value',
    partialName: 'a0',
    fold: (unit, target, record, isNew) =>
      `${loose(unit, record.whole())}; ${target} = ${isNew} ? ${record.whole()} : ${call(unit, target, record.whole())};`,
    folded: (unit, source, record, isNew) =>
      `(${loose(unit, record.whole())}, ${isNew} ? ${record.whole()} : ${call(unit, source, record.whole())})`,
    single: (_unit, record) => record.whole(),
    merge: (unit, target, source, isNew) =>
      `${target} = ${isNew} ? ${loose(unit, source)} : ${call(unit, target, source)};`,
  };
  return {
    cells: [cell],
    groups: [],
    conditions: [],
    hasResultFunction: false,
    hasEmptyResult: false,
    results: (_unit, of) => of(0),
    freeze: () => undefined,
  };
}

function sharedConditions(
  specs: readonly AggregateSpec[],
  sites: ErrorSites,
  node: StreamNode,
): readonly SharedCondition[] {
  const wheres = specs.flatMap(({ where }) => where ?? []);
  const shared = new Set(wheres.filter((where, index) => wheres.indexOf(where) !== index));
  const { truth } = checksOf({ sites, node, name: 'where' });
  return Array.from(shared, (where) => ({ where, condition: conditionText(where, truth) }));
}

interface CellSink {
  readonly add: (cell: Omit<AggregateCell, 'partialName'>) => number;
  readonly count: () => number;
  readonly freezes: (() => void)[];
  readonly node: StreamNode;
  readonly sites: ErrorSites;
  readonly name: string;
  /** undefined: distinct counts are accumulators. */
  readonly groups: DistinctGroup[] | undefined;
}

function resultOf(spec: AggregateSpec, sink: CellSink): Result {
  const checks = checksOf(sink);
  const condition = spec.where === undefined ? undefined : conditionText(spec.where, checks.truth);
  const addValue = (cell: Omit<AggregateCell, 'partialName'>): number =>
    sink.add(condition === undefined ? cell : filteredValue(cell, condition));
  const addSum = (cell: Omit<AggregateCell, 'partialName'>): number =>
    sink.add(condition === undefined ? cell : filteredSum(cell, condition));
  const addCount = (): number =>
    condition === undefined ? sink.count() : sink.add(filteredSum(recordCount, condition));
  switch (spec.kind) {
    case 'count': {
      const cell = addCount();
      return (_unit, of) => of(cell);
    }
    case 'countDistinct': {
      if (sink.groups !== undefined) {
        const counted = sink.add(groupCount);
        joinGroup(spec, { cell: counted, condition }, { groups: sink.groups, checks });
        return (_unit, of) => of(counted);
      }
      const distinct = distinctAccumulator(spec);
      const owned = new OwnedAccumulators(distinct);
      sink.freezes.push(() => owned.disown());
      const cell = addValue(customCell(owned, fieldsRead(spec.select)));
      return (unit, of) => `${unit.bind(distinct.size, 'size')}(${of(cell)})`;
    }
    case 'sum': {
      const cell = addSum(sumCell(spec.select, checks));
      return (_unit, of) => of(cell);
    }
    case 'avg': {
      const total = addSum(sumCell(spec.select, checks));
      const count = addCount();
      return condition === undefined
        ? (_unit, of) => `${of(total)} / ${of(count)}`
        : (_unit, of) => `(${of(count)} === 0 ? undefined : ${of(total)} / ${of(count)})`;
    }
    case 'min':
    case 'max': {
      const cell = addValue(extremeCell(spec.kind, spec.select, checks));
      return (_unit, of) => of(cell);
    }
    case 'first':
    case 'last': {
      const cell = addValue(edgeCell(spec.kind, spec.select));
      return (_unit, of) => of(cell);
    }
    case 'topN': {
      const top = topNOf(spec, checks.number);
      const cell = addValue(topNCell(top));
      return (unit, of) => `${unit.bind(top.result, 'topResult')}(${of(cell)})`;
    }
    case 'sketch': {
      const owned = new OwnedSketches(spec);
      sink.freezes.push(() => owned.disown());
      const cell = addValue(sketchCell(owned, spec));
      return (unit, of) => `${unit.bind(spec.result, 'result')}(${of(cell)})`;
    }
    case 'custom': {
      const owned = new OwnedAccumulators(spec);
      sink.freezes.push(() => owned.disown());
      const cell = addValue(customCell(owned, fieldsRead(spec.add, 1)));
      const result = resultOfOwned(owned, spec.result as (accumulator: unknown) => unknown);
      if (condition === undefined) return (unit, of) => `${unit.bind(result, 'result')}(${of(cell)})`;
      // Without a record the result is that of a fresh accumulator.
      return (unit, of) =>
        `${unit.bind(result, 'result')}(${of(cell)} === undefined ? ${unit.bind(spec.create, 'create')}() : ${of(cell)})`;
    }
    default:
      return unreachable(spec);
  }
}

/** A distinct count whose values are a group's. */
const groupCount: Omit<AggregateCell, 'partialName'> = {
  ...PLUS,
  fold: () => '',
  folded: (_unit, source) => source,
  single: () => '0',
  retract: () => '',
  isOfGroup: true,
};

/** Adds a count to the group with its values, made when there is none. */
function joinGroup(
  spec: DistinctSpec,
  count: { readonly cell: number; readonly condition: ConditionText | undefined },
  { groups, checks }: { readonly groups: DistinctGroup[]; readonly checks: Checks },
): void {
  let group = groups.find((candidate) => candidate.takes(spec));
  if (group === undefined) {
    group = new DistinctGroup(`distinct-${groups.length}`, spec.select, checks.key);
    groups.push(group);
  }
  group.counts.push(count);
}

/** What comes of a user's function on its way into an accumulator: a promise would only be added up to nonsense. */
export interface Checks {
  readonly number: (value: unknown) => number;
  readonly truth: (value: unknown) => boolean;
  /** Of a value that is to be told from others. */
  readonly key: (value: unknown) => unknown;
}

function checksOf({ sites, node, name }: Pick<CellSink, 'sites' | 'node' | 'name'>): Checks {
  const site = sites.register(node, `function of "${name}"`);
  const refuse = (value: unknown): unknown => {
    sites.refusePromise(value, site);
    return value;
  };
  // One look at the type where it is what it should be.
  return {
    number: (value) => (typeof value === 'number' ? value : (refuse(value) as number)),
    truth: (value) => value === true || (value !== false && Boolean(refuse(value))),
    key: (value) => (typeof value === 'object' && value !== null ? refuse(value) : value),
  };
}

function resultOfKept(kept: KeptValues, spec: AggregateSpec, sink: CellSink): Result {
  sink.freezes.push(() => kept.freeze());
  const all: Omit<AggregateCell, 'partialName'> = {
    column: 'value',
    fold: (unit, target, record) =>
      `${target} = ${unit.bind(kept, 'kept')}.add(${target}, ${record.whole()});`,
    folded: (unit, source, record) => `${unit.bind(kept, 'kept')}.add(${source}, ${record.whole()})`,
    single: (unit, record) => `${unit.bind(kept, 'kept')}.add(undefined, ${record.whole()})`,
    retract: (unit, target, record) =>
      `${target} = ${unit.bind(kept, 'kept')}.retract(${target}, ${record.whole()});`,
    merge: () => {
      throw new MillraceError('MR_INTERNAL', 'Accumulators of a changelog are not merged');
    },
    changesInPlace: true,
  };
  const { where } = spec;
  const cell = sink.add(
    where === undefined ? all : filteredValue(all, conditionText(where, checksOf(sink).truth)),
  );
  if (where === undefined) return (unit, of) => `${unit.bind(kept, 'kept')}.result(${of(cell)})`;
  return (unit, of) => `${unit.bind(kept, 'kept')}.result(${of(cell)} ?? [])`;
}

function sumCell(select: UserFunction, { number }: Checks): Omit<AggregateCell, 'partialName'> {
  return {
    ...PLUS,
    fold: (unit, target, record) =>
      `${target} += ${unit.bind(number, 'number')}(${unit.bind(select, 'select')}(${record.argument(select)}));`,
    folded: (unit, source, record) =>
      `${source} + ${unit.bind(number, 'number')}(${unit.bind(select, 'select')}(${record.argument(select)}))`,
    single: (unit, record) =>
      `${unit.bind(number, 'number')}(${unit.bind(select, 'select')}(${record.argument(select)}))`,
    retract: (unit, target, record) =>
      `${target} -= ${unit.bind(number, 'number')}(${unit.bind(select, 'select')}(${record.argument(select)}));`,
    subtraction: 'integers',
  };
}

/** NaN, once seen, stays: Math.min and Math.max keep it. It also is what the extreme of nothing is. */
function extremeCell(
  kind: 'min' | 'max',
  select: UserFunction,
  { number }: Checks,
): Omit<AggregateCell, 'partialName'> {
  const picked = (source: string, value: string, isNew: string): string =>
    `${isNew} ? ${value} : Math.${kind}(${source}, ${value})`;
  // Compared for new keys, too: a loop that is compiled before the first known key would else be thrown away with it. The value is asked for once.
  const pick = (unit: CodeUnit, target: string, value: string, isNew: string): string => {
    const next = unit.fresh('next');
    const extreme = unit.fresh('extreme');
    return `const ${next} = ${value}, ${extreme} = Math.${kind}(${target}, ${next}); ${target} = ${isNew} ? ${next} : ${extreme};`;
  };
  return {
    column: 'f64',
    empty: () => 'NaN',
    fold: (unit, target, record, isNew) =>
      pick(
        unit,
        target,
        `${unit.bind(number, 'number')}(${unit.bind(select, 'select')}(${record.argument(select)}))`,
        isNew,
      ),
    folded: (unit, source, record, isNew) =>
      picked(
        source,
        `${unit.bind(number, 'number')}(${unit.bind(select, 'select')}(${record.argument(select)}))`,
        isNew,
      ),
    single: (unit, record) =>
      `${unit.bind(number, 'number')}(${unit.bind(select, 'select')}(${record.argument(select)}))`,
    merge: (unit, target, source, isNew) => pick(unit, target, source, isNew),
  };
}

function edgeCell(kind: 'first' | 'last', select: UserFunction): Omit<AggregateCell, 'partialName'> {
  const assign = (target: string, value: string, isNew: string): string =>
    kind === 'last' ? `${target} = ${value};` : `if (${isNew}) ${target} = ${value};`;
  const selected = (unit: CodeUnit, record: RecordText): string =>
    `${unit.bind(cutLoose, 'cutLoose')}(${unit.bind(select, 'select')}(${record.argument(select)}))`;
  return {
    column: 'value',
    fold: (unit, target, record, isNew) => assign(target, selected(unit, record), isNew),
    folded: (unit, source, record, isNew) =>
      kind === 'last' ? selected(unit, record) : `${isNew} ? ${selected(unit, record)} : ${source}`,
    single: (unit, record) => selected(unit, record),
    merge: (unit, target, source, isNew) =>
      assign(target, `${unit.bind(cutLoose, 'cutLoose')}(${source})`, isNew),
  };
}

function topNCell({ add, fold, merge, fields }: TopN): Omit<AggregateCell, 'partialName'> {
  return {
    column: 'value',
    fold,
    folded: (unit, source, record) => `${unit.bind(add, 'add')}(${source}, ${record.having(fields)})`,
    changesInPlace: true,
    single: (unit, record) => `${unit.bind(add, 'add')}(undefined, ${record.having(fields)})`,
    merge: (unit, target, source, isNew) =>
      `${target} = ${isNew} ? ${source} : ${unit.bind(merge, 'merge')}(${target}, ${source});`,
  };
}

function sketchCell(
  owned: OwnedSketches,
  { select, weight }: Extract<AggregateSpec, { readonly kind: 'sketch' }>,
): Omit<AggregateCell, 'partialName'> {
  const added = (unit: CodeUnit, record: RecordText): string => {
    const value = `${unit.bind(select, 'select')}(${record.argument(select)})`;
    return weight === undefined
      ? `${value}, undefined`
      : `${value}, ${unit.bind(weight, 'weight')}(${record.argument(weight)})`;
  };
  const folded = (unit: CodeUnit, source: string, record: RecordText, isNew: string): string =>
    `${unit.bind(owned, 'owned')}.add(${isNew}, ${source}, ${added(unit, record)})`;
  return {
    column: 'value',
    empty: (unit) => `${unit.bind(owned, 'owned')}.create()`,
    fold: (unit, target, record, isNew) => `${target} = ${folded(unit, target, record, isNew)};`,
    folded,
    changesInPlace: true,
    single: (unit, record) => `${unit.bind(owned, 'owned')}.single(${added(unit, record)})`,
    merge: (unit, target, source, isNew) =>
      `${target} = ${unit.bind(owned, 'owned')}.merge(${isNew}, ${target}, ${source});`,
    copy: (unit, source) => `${unit.bind(owned, 'owned')}.copy(${source})`,
  };
}

/** A result may be the accumulator itself, or have a part of it: what was given out does not change any more. */
function resultOfOwned(
  owned: OwnedAccumulators,
  resultOfUser: (accumulator: unknown) => unknown,
): (accumulator: unknown) => unknown {
  return (accumulator) => {
    const result = resultOfUser(accumulator);
    if (typeof result === 'object' && result !== null) owned.share(accumulator);
    return result;
  };
}

/** The user's functions may change the accumulator that they get: {@link OwnedAccumulators} hands out what may be changed. */
function customCell(owned: OwnedAccumulators, fields: FieldsRead): Omit<AggregateCell, 'partialName'> {
  return {
    column: 'value',
    empty: (unit) => `${unit.bind(owned, 'owned')}.create()`,
    fold: (unit, target, record, isNew) =>
      `${target} = ${unit.bind(owned, 'owned')}.add(${isNew}, ${target}, ${record.having(fields)});`,
    folded: (unit, source, record, isNew) =>
      `${unit.bind(owned, 'owned')}.add(${isNew}, ${source}, ${record.having(fields)})`,
    changesInPlace: true,
    single: (unit, record) => `${unit.bind(owned, 'owned')}.add(true, undefined, ${record.having(fields)})`,
    retract: (unit, target, record) =>
      `${target} = ${unit.bind(owned, 'owned')}.retract(${target}, ${record.whole()});`,
    merge: (unit, target, source, isNew) =>
      `${target} = ${isNew} ? ${source} : ${unit.bind(owned, 'owned')}.merge(${target}, ${source});`,
    copy: (unit, source) => `${unit.bind(structuredClone, 'clone')}(${source})`,
  };
}
