// Aggregates as functions, for operators that fold rows outside of generated loops.
import { invariant } from '@millrace/common';
import { CodeUnit, literal, property } from '../../chain/codegen/code-unit.ts';
import { ShapeFunctions } from '../../chain/codegen/shape-functions.ts';
import { madeRecord } from '../../chain/codegen/record-text.ts';
import { PARTIAL_COUNT, type AggregateLayout } from './aggregate-layout.ts';

/**
 * Rows of a frame as what the aggregates need of them, where accumulators are numbers: `width` values a row, one row after the
 * other. Folding them gives to the last bit what folding the rows gives.
 */
export interface FrameValues {
  readonly width: number;
  /** Appends a row, or nothing when a function of the user's throws. */
  readonly push: (values: unknown[], record: unknown) => void;
  /** The accumulator of rows `from` to `to`. */
  readonly fold: (values: readonly unknown[], from: number, to: number) => unknown[];
  /** `{ ...record, …results }` of rows `from` to `to`. */
  readonly resultsWith: (values: readonly unknown[], from: number, to: number, record: unknown) => unknown;
}

/** A row of a table's columns, or an accumulator of its own. */
export interface CompiledAggregates {
  /** Folds a record into a row of columns; `of` is the row's, as its table owns it: a layout without groups needs none. */
  readonly addToRow: (columns: Columns, row: number, record: unknown, isNew: boolean, of?: RowKey) => void;
  readonly retractFromRow: (columns: Columns, row: number, record: unknown, of: RowKey) => void;
  /** Merges a partial row into a row of columns. */
  readonly mergeIntoRow: (
    columns: Columns,
    row: number,
    partial: unknown,
    isNew: boolean,
    of: RowKey,
  ) => void;
  /** `{ key, …results }`, or the results where there is no key. */
  readonly resultsOfRow: (columns: Columns, row: number, key: unknown) => unknown;
  /** `{ …record, …results }` of a row of columns. */
  readonly rowResultsWith: (columns: Columns, row: number, record: unknown) => unknown;
  /** A fresh accumulator: one element a cell. */
  readonly create: () => unknown[];
  readonly add: (accumulator: unknown[], record: unknown, isNew: boolean) => void;
  /** Folds rows `from` to `to` into a fresh accumulator. */
  readonly addAll: (rows: readonly unknown[], from: number, to: number) => unknown[];
  /** `{ ...record, …results }` of rows `from` to `to`. */
  readonly rowsResultsWith: (rows: readonly unknown[], from: number, to: number, record: unknown) => unknown;
  /** Unset: not all accumulators are numbers. */
  readonly frameValues: FrameValues | undefined;
  /** Merges `source` into `target`. Unset: not all accumulators are numbers. */
  readonly mergeNumbers: ((target: unknown[], source: readonly unknown[]) => void) | undefined;
  /** `{ …row, …results }`. */
  readonly resultsWith: (accumulator: readonly unknown[], record: unknown) => unknown;
}

/** Whose row it is: distinct values are found by it. */
export interface RowKey {
  key: unknown;
  hash: number;
}

type Columns = readonly (Float64Array | unknown[])[];

/**
 * Returns the functions of a layout. A record is folded into all accumulators, or, when a function of the user's throws, into none
 * but the one that it throws in.
 */
export function compileAggregates(
  layout: AggregateLayout,
  of: {
    readonly codegenId: string;
    readonly isKeyed: boolean;
    /** Partial rows come. */
    readonly isMerging?: boolean;
  },
): CompiledAggregates {
  const record = madeRecord('record');
  const inRow = (index: number): string => `columns[${index}][row]`;
  const inArray = (index: number): string => `accumulator[${index}]`;
  const compile = <F>(what: string, parameters: string, text: (unit: CodeUnit) => string): F => {
    const unit = new CodeUnit(`${of.codegenId} ${what}`);
    return unit.compile(parameters, text(unit)) as F;
  };
  // What changes accumulators in place comes last.
  const order = layout.cells
    .map((cell, index) => ({ cell, index }))
    .sort((a, b) => Number(a.cell.changesInPlace ?? false) - Number(b.cell.changesInPlace ?? false));
  const folds = (unit: CodeUnit, target: (index: number) => string): string =>
    [
      ...order.map(
        ({ cell, index }) => `const folded${index} = ${cell.folded(unit, target(index), record, 'isNew')};`,
      ),
      ...order.map(({ index }) => `${target(index)} = folded${index};`),
    ].join('\n');
  // Accumulators of a whole frame are locals, which cost nothing.
  const inLocal = (index: number): string => `cell${index}`;
  const one = madeRecord('one');
  const foldsAll = (unit: CodeUnit): string =>
    [
      ...layout.cells.map(
        ({ column }, index) => `let cell${index} = ${column === 'f64' ? '0' : 'undefined'};`,
      ),
      'for (let index = from; index < to; index++) {',
      'const one = rows[index], isNew = index === from;',
      ...order.map(({ cell, index }) => `cell${index} = ${cell.folded(unit, inLocal(index), one, 'isNew')};`),
      '}',
    ].join('\n');
  const retracts = (unit: CodeUnit, target: (index: number) => string): string =>
    order.map(({ cell, index }) => cell.retract?.(unit, target(index), record) ?? '').join('\n');
  const ofRow = { key: 'of.key', hash: 'of.hash', target: inRow };
  /** `text` between what groups find of the record, where a function of the user's may throw, and what they do with it. */
  const withGroups = (unit: CodeUnit, method: 'add' | 'remove', text: string): string => {
    const groups = layout.groups.map((group) => ({
      group,
      locals: { bits: unit.fresh('bits'), value: unit.fresh('value') },
    }));
    return [
      ...groups.map(({ group, locals }) => group.find(unit, record, locals, (name) => `const ${name}`)),
      text,
      ...groups.map(({ group, locals }) => group[method](unit, locals, ofRow)),
    ].join('\n');
  };
  const merges = (unit: CodeUnit): string =>
    [
      ...layout.cells.map((cell, index) =>
        cell.isOfGroup
          ? ''
          : cell.merge(unit, inRow(index), `partial[${literal(cell.partialName)}]`, 'isNew'),
      ),
      ...layout.groups.map((group) => group.merge(unit, `partial[${literal(group.name)}]`, ofRow)),
    ].join('\n');
  const rowResults = new ShapeFunctions<CompiledAggregates['rowResultsWith']>((fields, shape) =>
    compile(
      `results of row, shape ${shape}`,
      'columns, row, record',
      (unit) => `return ${layout.results(unit, inRow, fields === '' ? [] : [fields])};`,
    ),
  );
  const results = new ShapeFunctions<CompiledAggregates['resultsWith']>((fields, shape) =>
    compile(
      `results, shape ${shape}`,
      'accumulator, record',
      (unit) => `return ${layout.results(unit, inArray, fields === '' ? [] : [fields])};`,
    ),
  );
  const rowsResults = new ShapeFunctions<CompiledAggregates['rowsResultsWith']>((fields, shape) =>
    compile(
      `results of rows, shape ${shape}`,
      'rows, from, to, record',
      (unit) => `${foldsAll(unit)}\nreturn ${layout.results(unit, inLocal, fields === '' ? [] : [fields])};`,
    ),
  );
  const areNumbers = layout.cells.every(({ column }) => column === 'f64');
  const initial = layout.cells.map(({ column }) => (column === 'f64' ? '0' : 'undefined')).join(', ');
  return {
    addToRow: compile('add to row', 'columns, row, record, isNew, of', (unit) =>
      withGroups(unit, 'add', folds(unit, inRow)),
    ),
    retractFromRow: compile('retract from row', 'columns, row, record, of', (unit) =>
      withGroups(unit, 'remove', retracts(unit, inRow)),
    ),
    mergeIntoRow: of.isMerging
      ? compile('merge into row', 'columns, row, partial, isNew, of', merges)
      : notMerging,
    resultsOfRow: compile(
      'results of row',
      'columns, row, key',
      (unit) => `return ${layout.results(unit, inRow, of.isKeyed ? [property('key', 'key')] : [])};`,
    ),
    rowResultsWith: (columns, row, of) => rowResults.of(of)(columns, row, of),
    create: compile('create', '', () => `return [${initial}];`),
    addAll: compile(
      'add all',
      'rows, from, to',
      (unit) => `${foldsAll(unit)}\nreturn [${layout.cells.map((_, index) => inLocal(index)).join(', ')}];`,
    ),
    rowsResultsWith: (rows, from, to, of) => rowsResults.of(of)(rows, from, to, of),
    frameValues: areNumbers ? frameValuesOf(layout, compile) : undefined,
    mergeNumbers: areNumbers
      ? compile('merge', 'target, source', (unit) =>
          order
            .map(({ cell, index }) => cell.merge(unit, `target[${index}]`, `source[${index}]`, 'false'))
            .join('\n'),
        )
      : undefined,
    add: compile('add', 'accumulator, record, isNew', (unit) => folds(unit, inArray)),
    resultsWith: (accumulator, of) => results.of(of)(accumulator, of),
  };
}

function notMerging(): void {
  invariant(false, 'a partial row came where none are sent');
}

type Compile = <F>(what: string, parameters: string, text: (unit: CodeUnit) => string) => F;

/** A count of records needs no value of them, unless it is alone. */
function frameValuesOf(layout: AggregateLayout, compile: Compile): FrameValues {
  const cells = layout.cells.map((cell, index) => ({ cell, index }));
  const others = cells.filter(({ cell }) => cell.partialName !== PARTIAL_COUNT);
  const kept = others.length === 0 ? cells : others;
  const width = kept.length;
  const local = (index: number): string => `cell${index}`;
  const source = (index: number): string => {
    const place = kept.findIndex((of) => of.index === index);
    return place < 0 ? '1' : `values[at + ${place}]`;
  };
  const folded = (unit: CodeUnit): string =>
    [
      ...cells.map(({ index }) => `let ${local(index)} = 0;`),
      'let isNew = true;',
      `for (let at = from * ${width}, end = to * ${width}; at < end; at += ${width}) {`,
      ...cells.map(({ cell, index }) => cell.merge(unit, local(index), source(index), 'isNew')),
      'isNew = false;',
      '}',
    ].join('\n');
  const results = new ShapeFunctions<FrameValues['resultsWith']>((fields, shape) =>
    compile(
      `results of frame, shape ${shape}`,
      'values, from, to, record',
      (unit) => `${folded(unit)}\nreturn ${layout.results(unit, local, fields === '' ? [] : [fields])};`,
    ),
  );
  return {
    width,
    push: compile('push', 'values, record', (unit) =>
      [
        ...kept.map(
          ({ cell, index }) => `const single${index} = ${cell.single(unit, madeRecord('record'))};`,
        ),
        ...kept.map(({ index }) => `values.push(single${index});`),
      ].join('\n'),
    ),
    fold: compile(
      'fold frame',
      'values, from, to',
      (unit) => `${folded(unit)}\nreturn [${cells.map(({ index }) => local(index)).join(', ')}];`,
    ),
    resultsWith: (values, from, to, of) => results.of(of)(values, from, to, of),
  };
}
