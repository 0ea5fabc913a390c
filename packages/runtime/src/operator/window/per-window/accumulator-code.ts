// [HOT] Generated functions over accumulators in the rows of a table: fold a record in, merge rows, make the result.
import type { RowTable } from '@millrace/state';
import { CodeUnit, property } from '../../../chain/codegen/code-unit.ts';
import { madeRecord } from '../../../chain/codegen/record-text.ts';
import type { AggregateLayout } from '../../aggregate/aggregate-layout.ts';
import { mergeKept } from '../../aggregate/filtered-cell.ts';

type FoldInto = (record: unknown, row: number, isNew: boolean) => void;
type UseRow = (row: number) => void;
type MergeInto = (row: number, isNew: boolean) => void;
type ResultOf = (row: number, key: unknown, start: number, end: number) => unknown;

/** What stands before the aggregates in a result. */
export type ResultHead = 'key and window' | 'window' | 'none';

/**
 * Works on a scratch accumulator beside the rows, since only one row of a table can be held at a time.
 * Contract: `load`, `emptyScratch` or `foldScratch` of a new one comes before `merge`, `store` and `scratchResult`.
 */
export class AccumulatorCode {
  readonly fold: FoldInto;
  /** Folds a record into scratch; `row` is not used. */
  readonly foldScratch: FoldInto;
  /** Makes scratch the accumulator of no records. */
  readonly emptyScratch: () => void;
  /** Copies a row to scratch. */
  readonly load: UseRow;
  /** Merges a row into scratch; the row goes, since what it has may be in scratch then. */
  readonly merge: UseRow;
  /** Merges a row into scratch that stays. */
  readonly mergeKept: UseRow;
  /** Merges scratch into a row. */
  readonly store: MergeInto;
  readonly rowResult: ResultOf;
  readonly scratchResult: ResultOf;
  readonly #codegenId: string;
  readonly #table: Pick<RowTable, 'columns'>;
  readonly #layout: AggregateLayout;
  readonly #scratch: unknown[];

  constructor(
    codegenId: string,
    table: Pick<RowTable, 'columns'>,
    layout: AggregateLayout,
    head: ResultHead,
  ) {
    this.#codegenId = codegenId;
    this.#table = table;
    this.#layout = layout;
    this.#scratch = layout.cells.map((cell) => (cell.column === 'f64' ? 0 : undefined));
    const inRow = this.#inRow;
    const inScratch = this.#inScratch;
    this.fold = this.#generate('fold', 'record, row, isNew', (unit, cell, index) =>
      cell.fold(unit, inRow(unit, index), madeRecord('record'), 'isNew'),
    ) as FoldInto;
    const zero = layout.cells.map((cell) => (cell.column === 'f64' ? '0' : 'undefined'));
    this.foldScratch = this.#generate('fold scratch', 'record, row, isNew', (unit, cell, index) => {
      const target = inScratch(unit, index);
      return `if (isNew) ${target} = ${zero[index]};\n${cell.fold(unit, target, madeRecord('record'), 'isNew')}`;
    }) as FoldInto;
    this.emptyScratch = this.#generate('empty scratch', '', (unit, cell, index) => {
      const empty = cell.empty?.(unit) ?? (cell.column === 'f64' ? '0' : 'undefined');
      return `${inScratch(unit, index)} = ${empty};`;
    }) as () => void;
    this.load = this.#generate('load', 'row', (unit, cell, index) => {
      const source = inRow(unit, index);
      return `${inScratch(unit, index)} = ${cell.copy?.(unit, source) ?? source};`;
    }) as UseRow;
    this.merge = this.#generate('merge', 'row', (unit, cell, index) =>
      cell.merge(unit, inScratch(unit, index), inRow(unit, index), 'false'),
    ) as UseRow;
    this.mergeKept = this.#generate('merge kept', 'row', (unit, cell, index) =>
      mergeKept(cell, unit, inScratch(unit, index), inRow(unit, index)),
    ) as UseRow;
    this.store = this.#generate('store', 'row, isNew', (unit, cell, index) =>
      cell.merge(unit, inRow(unit, index), inScratch(unit, index), 'isNew'),
    ) as MergeInto;
    this.rowResult = this.#generateResult('row result', head, inRow);
    this.scratchResult = this.#generateResult('scratch result', head, inScratch);
  }

  readonly #inRow = (unit: CodeUnit, index: number): string =>
    `${unit.bind(this.#table, 'table')}.columns[${index}][row]`;

  readonly #inScratch = (unit: CodeUnit, index: number): string =>
    `${unit.bind(this.#scratch, 'scratch')}[${index}]`;

  #generate(
    what: string,
    parameters: string,
    statement: (unit: CodeUnit, cell: AggregateLayout['cells'][number], index: number) => string,
  ): unknown {
    const unit = new CodeUnit(`${this.#codegenId} window ${what}`);
    const statements = this.#layout.cells.map((cell, index) => statement(unit, cell, index));
    return unit.compile(parameters, statements.join('\n'));
  }

  #generateResult(what: string, head: ResultHead, cell: (unit: CodeUnit, index: number) => string): ResultOf {
    const unit = new CodeUnit(`${this.#codegenId} window ${what}`);
    const properties = [
      ...(head === 'key and window' ? [property('key', 'key')] : []),
      ...(head === 'none' ? [] : [property('windowStart', 'start'), property('windowEnd', 'end')]),
    ];
    const result = this.#layout.results(unit, (index) => cell(unit, index), properties);
    return unit.compile('row, key, start, end', `return ${result};`) as ResultOf;
  }
}
