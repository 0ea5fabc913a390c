// What is kept of a window by itself: an accumulator, or the records.
import type { EvictorContext, EvictorSpec } from '@millrace/api';
import type { KeyedStateBackend, ListStateHandle, RowTable } from '@millrace/state';
import type { AggregateLayout } from '../../aggregate/aggregate-layout.ts';
import { AccumulatorCode, type ResultHead } from './accumulator-code.ts';
import type { StateScope } from './scoped-states.ts';
import type { Bounds } from './window-key.ts';

/** Contents of windows, each under the scope of its key and bounds. */
export interface KeptContents {
  add(scope: StateScope, record: unknown, timestampMs: number): void;
  /** What the window function gets, or `undefined`: the window has no contents. `window`: as which it fires. */
  take(scope: StateScope, key: unknown, window: Bounds): unknown;
  /** After `take`, when the window function was called with what it gave. */
  taken(scope: StateScope, window: Bounds): void;
  clear(scope: StateScope): void;
  /** Moves what `from` have behind what `into` has. */
  merge(into: StateScope, from: readonly StateScope[]): void;
}

/** An accumulator a window. */
export class AccumulatedContents implements KeptContents {
  readonly #table: RowTable;
  readonly #code: AccumulatorCode;

  constructor(
    backend: KeyedStateBackend,
    layout: AggregateLayout,
    code: { readonly codegenId: string; readonly head: ResultHead },
  ) {
    this.#table = backend.table({
      name: 'windows',
      columns: layout.cells.map((cell) => cell.column),
      hasNamespaces: false,
    });
    this.#code = new AccumulatorCode(code.codegenId, this.#table, layout, code.head);
  }

  add({ key, hash }: StateScope, record: unknown): void {
    const table = this.#table;
    const row = table.upsert(key, hash, 0);
    const isNew = table.wasAbsent;
    try {
      this.#code.fold(record, row, isNew);
    } catch (error) {
      if (isNew) table.remove(key, hash, 0);
      throw error;
    }
    table.markDirty(row);
  }

  take(scope: StateScope, key: unknown, { start, end }: Bounds): unknown {
    const row = this.#table.find(scope.key, scope.hash, 0);
    return row < 0 ? undefined : this.#code.rowResult(row, key, start, end);
  }

  taken(): void {}

  /** What several accumulators come to together, merged in their order; undefined: none of them is there. They stay as they are. */
  takeMerged(scopes: readonly StateScope[], key: unknown, { start, end }: Bounds): unknown {
    let isLoaded = false;
    for (const scope of scopes) {
      const row = this.#table.find(scope.key, scope.hash, 0);
      if (row < 0) continue;
      if (isLoaded) this.#code.mergeKept(row);
      else this.#code.load(row);
      isLoaded = true;
    }
    return isLoaded ? this.#code.scratchResult(0, key, start, end) : undefined;
  }

  clear({ key, hash }: StateScope): void {
    this.#table.remove(key, hash, 0);
  }

  merge(into: StateScope, from: readonly StateScope[]): void {
    let isLoaded = false;
    for (const { key, hash } of from) {
      const row = this.#table.find(key, hash, 0);
      if (row < 0) continue;
      if (isLoaded) this.#code.merge(row);
      else this.#code.load(row);
      isLoaded = true;
      this.#table.remove(key, hash, 0);
    }
    if (!isLoaded) return;
    const row = this.#table.upsert(into.key, into.hash, 0);
    this.#code.store(row, this.#table.wasAbsent);
    this.#table.markDirty(row);
  }
}

/** A record in a list, with its event time: what an evictor sees. */
interface Element {
  readonly record: unknown;
  readonly timestamp: number;
}

type Evict = (elements: readonly Element[], window: Bounds, context: EvictorContext) => readonly Element[];

/** An evictor, and what it knows. */
export interface EvictorOfWindows {
  readonly evictor: EvictorSpec;
  readonly context: EvictorContext;
}

/** What is made of a window's records: the records themselves, or an accumulator's result. */
export interface RecordsResult {
  readonly layout: AggregateLayout;
  readonly codegenId: string;
  readonly head: ResultHead;
}

/** The records of a window, in the order in which they came. With an evictor event times are kept as well. */
export class RecordsOfWindow implements KeptContents {
  readonly #backend: KeyedStateBackend;
  readonly #list: ListStateHandle;
  readonly #evictor: EvictorSpec | undefined;
  readonly #context: EvictorContext | undefined;
  readonly #code: AccumulatorCode | undefined;
  /** A window whose evictor leaves no record gives a result all the same: Flink's empty accumulator's. */
  readonly #hasEmptyResult: boolean;
  /** What the evictor left before the function. */
  #elements: readonly Element[] = [];

  constructor(
    backend: KeyedStateBackend,
    evicting: EvictorOfWindows | undefined,
    result: RecordsResult | undefined,
  ) {
    this.#backend = backend;
    this.#list = backend.listState('windows');
    this.#evictor = evicting?.evictor;
    this.#context = evicting?.context;
    this.#hasEmptyResult = result?.layout.hasEmptyResult === true;
    if (result === undefined) return;
    const { layout, codegenId, head } = result;
    // There are no rows: accumulators are made of the records at each firing.
    this.#code = new AccumulatorCode(codegenId, { columns: [] }, layout, head);
  }

  add(scope: StateScope, record: unknown, timestampMs: number): void {
    this.#select(scope);
    this.#list.add(this.#evictor === undefined ? record : [record, timestampMs]);
  }

  take(scope: StateScope, key: unknown, window: Bounds): unknown {
    this.#select(scope);
    const kept = [...this.#list.get()];
    this.#elements = [];
    if (kept.length === 0) return undefined;
    return this.#resultOf(this.#evictor === undefined ? kept : this.#evicted(kept, window), key, window);
  }

  #evicted(kept: readonly unknown[], window: Bounds): readonly unknown[] {
    const elements = (kept as readonly (readonly [unknown, number])[]).map(([record, timestamp]) => ({
      record,
      timestamp,
    }));
    this.#elements = this.#call(this.#evictor?.evictBefore, elements, window);
    return this.#elements.map(({ record }) => record);
  }

  #resultOf(records: readonly unknown[], key: unknown, { start, end }: Bounds): unknown {
    const code = this.#code;
    if (code === undefined) return records;
    if (records.length === 0) {
      if (!this.#hasEmptyResult) return undefined;
      code.emptyScratch();
    }
    for (let index = 0; index < records.length; index++) code.foldScratch(records[index], 0, index === 0);
    return code.scratchResult(0, key, start, end);
  }

  taken(scope: StateScope, window: Bounds): void {
    if (this.#evictor === undefined) return;
    const left = this.#call(this.#evictor.evictAfter, this.#elements, window);
    this.#select(scope);
    this.#list.update(left.map(({ record, timestamp }) => [record, timestamp]));
  }

  clear(scope: StateScope): void {
    this.#select(scope);
    this.#list.clear();
  }

  merge(into: StateScope, from: readonly StateScope[]): void {
    for (const scope of from) {
      this.#select(scope);
      const moved = [...this.#list.get()];
      this.#list.clear();
      this.#select(into);
      this.#list.addAll(moved);
    }
  }

  #call(evict: unknown, elements: readonly Element[], window: Bounds): readonly Element[] {
    if (evict === undefined) return elements;
    const left: unknown = (evict as Evict).call(
      this.#evictor,
      elements,
      window,
      this.#context as EvictorContext,
    );
    if (Array.isArray(left)) return left as readonly Element[];
    throw new TypeError('an evictor returns an array of the elements that stay');
  }

  #select({ key, hash }: StateScope): void {
    this.#backend.setCurrentKey(key, hash);
  }
}
