// Aggregates as functions, for operators that fold rows outside of generated loops.
import { CodeUnit, property } from '../../chain/codegen/code-unit.ts';
import { ShapeFunctions } from '../../chain/codegen/shape-functions.ts';
import { madeRecord } from '../../chain/codegen/record-text.ts';
import type { AggregateLayout } from './aggregate-layout.ts';

/** A row of a table's columns, or an accumulator of its own. */
export interface CompiledAggregates {
  /** Folds a record into a row of columns. */
  readonly addToRow: (columns: Columns, row: number, record: unknown, isNew: boolean) => void;
  readonly retractFromRow: (columns: Columns, row: number, record: unknown) => void;
  /** `{ key, …results }`, or the results where there is no key. */
  readonly resultsOfRow: (columns: Columns, row: number, key: unknown) => unknown;
  /** `{ …record, …results }` of a row of columns. */
  readonly rowResultsWith: (columns: Columns, row: number, record: unknown) => unknown;
  /** A fresh accumulator: one element a cell. */
  readonly create: () => unknown[];
  readonly add: (accumulator: unknown[], record: unknown, isNew: boolean) => void;
  /** Merges `source` into `target`. Unset: not all accumulators are numbers. */
  readonly mergeNumbers: ((target: unknown[], source: readonly unknown[]) => void) | undefined;
  /** `{ …row, …results }`. */
  readonly resultsWith: (accumulator: readonly unknown[], record: unknown) => unknown;
}

type Columns = readonly (Float64Array | unknown[])[];

/**
 * Returns the functions of a layout. A record is folded into all accumulators, or, when a function of the user's throws, into none
 * but the one that it throws in.
 */
export function compileAggregates(
  layout: AggregateLayout,
  of: { readonly codegenId: string; readonly isKeyed: boolean },
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
  const retracts = (unit: CodeUnit, target: (index: number) => string): string =>
    order.map(({ cell, index }) => cell.retract?.(unit, target(index), record) ?? '').join('\n');
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
  const initial = layout.cells.map(({ column }) => (column === 'f64' ? '0' : 'undefined')).join(', ');
  return {
    addToRow: compile('add to row', 'columns, row, record, isNew', (unit) => folds(unit, inRow)),
    retractFromRow: compile('retract from row', 'columns, row, record', (unit) => retracts(unit, inRow)),
    resultsOfRow: compile(
      'results of row',
      'columns, row, key',
      (unit) => `return ${layout.results(unit, inRow, of.isKeyed ? [property('key', 'key')] : [])};`,
    ),
    rowResultsWith: (columns, row, of) => rowResults.of(of)(columns, row, of),
    create: compile('create', '', () => `return [${initial}];`),
    mergeNumbers: layout.cells.every(({ column }) => column === 'f64')
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
