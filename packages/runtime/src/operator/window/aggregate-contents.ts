// Windows that keep accumulators: the text and the functions that fold, merge and emit them.
import type { RowTable } from '@millrace/state';
import { CodeUnit, property } from '../../chain/codegen/code-unit.ts';
import type { AggregateLayout } from '../aggregate/aggregate-layout.ts';
import { mergeKept } from '../aggregate/filtered-cell.ts';
import { foldText } from '../aggregate/fold-code.ts';
import type { EmitFunction, StageBody } from '../chain-stage.ts';
import type { OperatorSetup } from '../operator-setup.ts';
import { BestKeptWindow, type KeptWindow } from './kept-window.ts';
import type { ResultHead } from './per-window/accumulator-code.ts';
import type { CallWindowFunction } from './window-function.ts';
import type { WindowBounds, WindowContents, WindowLocals } from './window-contents.ts';

type FireRow = (row: number, key: unknown, bounds: WindowBounds) => void;
type UseRow = (row: number) => void;
type FireAccumulator = (accumulator: unknown[], key: unknown, bounds: WindowBounds) => void;
type CellText = (unit: CodeUnit, index: number) => string;
type FireMerged = (key: unknown, bounds: WindowBounds) => void;

/**
 * Whether a slice is in several windows: one after the other, and gone with the last; or in another way, or kept for longer.
 */
export type WindowOverlap = 'none' | 'sliding' | 'other';

export class AggregateContents implements WindowContents {
  readonly table: RowTable;
  readonly running: KeptWindow | undefined;
  readonly #layout: AggregateLayout;
  readonly #setup: OperatorSetup;
  readonly #head: ResultHead;
  readonly #call: CallWindowFunction | undefined;
  readonly #site: number;
  readonly #fireRow: FireRow;
  readonly #load: UseRow;
  readonly #merge: UseRow;
  readonly #fireMerged: FireMerged;

  /**
   * `head`: what stands in results before the aggregates. `call`: the function that gets the results. `overlap`: whether a slice
   * is in several windows.
   */
  constructor(
    setup: OperatorSetup,
    table: RowTable,
    options: {
      readonly layout: AggregateLayout;
      readonly head: ResultHead;
      readonly call: CallWindowFunction | undefined;
      readonly overlap: WindowOverlap;
    },
  ) {
    this.table = table;
    this.#setup = setup;
    this.#layout = options.layout;
    this.#head = options.head;
    this.#call = options.call;
    this.#site = setup.sites.register(setup.node, 'window function');
    // Accumulators of the window being merged, a cell each.
    const scratch: unknown[] = this.#layout.cells.map((cell) => (cell.column === 'f64' ? 0 : undefined));
    this.#fireRow = this.#generateFire(
      'row, key, bounds',
      'row',
      (unit, index) => `${unit.bind(table, 'table')}.columns[${index}][row]`,
    ) as FireRow;
    this.#fireMerged = this.#generateFire(
      'key, bounds',
      'merged',
      (unit, index) => `${unit.bind(scratch, 'scratch')}[${index}]`,
    ) as FireMerged;
    this.#load = this.#generateUse('load', scratch, true);
    this.#merge = this.#generateUse('merge', scratch, false);
    this.running = this.#keptWindow(options.overlap);
  }

  #keptWindow(overlap: WindowOverlap): KeptWindow | undefined {
    if (overlap === 'none') return undefined;
    const code = {
      codegenId: `${this.#setup.codegenId} node ${this.#setup.node.id}`,
      fireId: (cell: CellText) => this.#generateFire('id, key, bounds', 'running', cell) as FireRow,
      fireAccumulator: (cell: CellText) =>
        this.#generateFire('accumulator, key, bounds', 'merged window', cell) as FireAccumulator,
    };
    return new BestKeptWindow(this.table, this.#layout, { code, subtracts: overlap === 'sliding' });
  }

  emitAdd(body: StageBody, locals: WindowLocals, then: string): string {
    const { key, hash, slice: namespace } = locals;
    const parts = { table: this.table, layout: this.#layout, site: this.#site, key, hash, namespace };
    return foldText(body, parts, () => then);
  }

  fireRow(row: number, _slice: number, bounds: WindowBounds): void {
    this.#fireRow(row, this.table.keyOf(row), bounds);
  }

  fireSlices(key: unknown, keyHash: number, slices: readonly number[], bounds: WindowBounds): void {
    let isLoaded = false;
    try {
      for (let index = 0; index < slices.length; index++) {
        const row = this.table.find(key, keyHash, slices[index] as number);
        if (row < 0) continue;
        if (isLoaded) this.#merge(row);
        else this.#load(row);
        isLoaded = true;
      }
    } catch (error) {
      this.#failed(error, key, bounds);
      return;
    }
    if (isLoaded) this.#fireMerged(key, bounds);
  }

  /** A function of the user's failed on accumulators: there is no record, only a window of a key. */
  #failed(error: unknown, key: unknown, bounds: WindowBounds): void {
    const window = { key, windowStart: bounds.startMs, windowEnd: bounds.endMs };
    this.#setup.failures.take(error, this.#site, window, bounds.timestampMs, -1);
  }

  dropSlice(slice: number): void {
    this.running?.dropSlice(slice);
    this.table.removeNamespace(slice);
  }

  #generateFire(parameters: string, what: string, cell: (unit: CodeUnit, index: number) => string): unknown {
    const unit = new CodeUnit(`${this.#setup.codegenId} fire ${this.#setup.node.id} ${what}`);
    const output: { emit: EmitFunction } = this.#setup.output;
    const head = [
      ...(this.#head === 'key and window' ? [property('key', 'key')] : []),
      ...(this.#head === 'none'
        ? []
        : [property('windowStart', 'bounds.startMs'), property('windowEnd', 'bounds.endMs')]),
    ];
    const result = this.#layout.results(unit, (index) => cell(unit, index), head);
    const call = this.#call;
    const emit = (text: string): string =>
      call === undefined
        ? `${unit.bind(output, 'output')}.emit(${text}, bounds.timestampMs);`
        : `${unit.bind(call, 'call')}(key, ${text}, bounds);`;
    if (!this.#layout.hasResultFunction) return unit.compile(parameters, emit(result));
    const failed = unit.bind(
      (error: unknown, key: unknown, bounds: WindowBounds) => this.#failed(error, key, bounds),
      'failed',
    );
    return unit.compile(
      parameters,
      `let fired; try { fired = ${result}; } catch (error) { ${failed}(error, key, bounds); return; }\n${emit('fired')}`,
    );
  }

  #generateUse(what: 'load' | 'merge', scratch: unknown[], isNew: boolean): UseRow {
    const unit = new CodeUnit(`${this.#setup.codegenId} ${what} ${this.#setup.node.id}`);
    const table = unit.bind(this.table, 'table');
    const merged = unit.bind(scratch, 'scratch');
    const statements = this.#layout.cells.map((cell, index) => {
      const source = `${table}.columns[${index}][row]`;
      const target = `${merged}[${index}]`;
      return isNew
        ? `${target} = ${cell.copy?.(unit, source) ?? source};`
        : mergeKept(cell, unit, target, source);
    });
    return unit.compile('row', statements.join('\n')) as UseRow;
  }
}
