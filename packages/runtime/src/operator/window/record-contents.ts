// Windows that keep their records, for a function that wants them all.
import type { KeyedStateBackend, ListStateHandle, RowTable } from '@millrace/state';
import type { StageBody } from '../chain-stage.ts';
import type { CallWindowFunction } from './window-function.ts';
import type { WindowBounds, WindowContents, WindowLocals } from './window-contents.ts';

/** Records are in a list for each (key, slice); the table says which there are, and counts them. */
export class RecordContents implements WindowContents {
  readonly running = undefined;
  readonly table: RowTable;
  readonly #list: ListStateHandle;
  readonly #backend: KeyedStateBackend;
  readonly #call: CallWindowFunction;

  constructor(backend: KeyedStateBackend, call: CallWindowFunction) {
    this.#backend = backend;
    this.#call = call;
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
    if (records.length > 0) this.#call(key, records, bounds);
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
