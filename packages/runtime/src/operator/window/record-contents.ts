// Windows that keep their records, for a function that wants them all.
import type { KeyedStateBackend, ListStateHandle, RowTable } from '@millrace/state';
import type { ErrorSites } from '../../chain/user-error.ts';
import type { StageBody } from '../chain-stage.ts';
import type { OperatorSetup } from '../operator-setup.ts';
import type { WindowBounds, WindowContents, WindowLocals } from './window-contents.ts';

/** What a window function learns about its window. */
interface WindowArgument {
  readonly start: number;
  readonly end: number;
}

type WindowFunction = (key: unknown, records: readonly unknown[], window: WindowArgument) => unknown;

/** Records are in a list for each (key, slice); the table says which there are, and counts them. */
export class RecordContents implements WindowContents {
  readonly running = undefined;
  readonly table: RowTable;
  readonly #list: ListStateHandle;
  readonly #backend: KeyedStateBackend;
  readonly #setup: OperatorSetup;
  readonly #process: WindowFunction;
  readonly #sites: ErrorSites;
  readonly #site: number;

  constructor(setup: OperatorSetup, backend: KeyedStateBackend, process: WindowFunction) {
    this.#setup = setup;
    this.#backend = backend;
    this.#process = process;
    this.#sites = setup.sites;
    this.#site = setup.sites.register(setup.node, 'window function');
    this.table = backend.table({ name: 'slices', columns: ['f64'], hasNamespaces: true });
    this.#list = backend.listState('records');
  }

  emitAdd(body: StageBody, locals: WindowLocals, then: string): string {
    const { unit } = body;
    const table = unit.bind(this.table, 'table');
    const row = unit.fresh('row');
    return [
      `const ${row} = ${table}.upsert(${locals.key}, ${locals.hash}, ${locals.slice});`,
      `${table}.columns[0][${row}] += 1;`,
      `${table}.markDirty(${row});`,
      `${unit.bind(this.#backend, 'backend')}.setCurrentKey([${locals.key}, ${locals.slice}], ${locals.hash});`,
      `${unit.bind(this.#list, 'list')}.add(${body.record.whole()});`,
      then,
    ].join('\n');
  }

  fireRow(row: number, slice: number, bounds: WindowBounds): void {
    const { table } = this;
    this.fireSlices(table.keyOf(row), table.keyHashOf(row), [slice], bounds);
  }

  fireSlices(key: unknown, keyHash: number, slices: readonly number[], bounds: WindowBounds): void {
    const records: unknown[] = [];
    for (const slice of slices) {
      this.#backend.setCurrentKey([key, slice], keyHash);
      for (const record of this.#list.get()) records.push(record);
    }
    if (records.length === 0) return;
    const window = { key, windowStart: bounds.startMs, windowEnd: bounds.endMs };
    const { emission, output, failures } = this.#setup;
    const onError = (error: unknown): void =>
      failures.take(error, this.#site, window, bounds.timestampMs, -1);
    let results: unknown;
    try {
      results = this.#process(key, records, { start: bounds.startMs, end: bounds.endMs });
      this.#sites.refusePromise(results, this.#site);
    } catch (error) {
      onError(error);
    }
    if (!Array.isArray(results)) return;
    emission.emitAll(results as readonly unknown[], {
      timestampMs: bounds.timestampMs,
      emit: output.emit,
      onError,
    });
  }

  dropSlice(slice: number): void {
    const cursor = this.table.openCursor(slice);
    for (let row = cursor.next(); row !== -1; row = cursor.next()) {
      this.#backend.setCurrentKey([this.table.keyOf(row), slice], this.table.keyHashOf(row));
      this.#list.clear();
    }
    this.table.removeNamespace(slice);
  }
}
