// The keyed-state backend: tables in memory, a store behind them, snapshots of both.
import { invariant } from '@millrace/common';
import { bucketCells } from '../cell/bucket-cells.ts';
import type {
  DistinctValuesHandle,
  FrozenKeyedState,
  KeyedStateBackend,
  KeyedStateBackendOptions,
  KeyWalk,
  ListStateHandle,
  MapStateHandle,
  RowTable,
  TableDescriptor,
  UserStateKind,
  ValueStateHandle,
} from '../keyed-state-backend.ts';
import { CheckpointLedger } from '../snapshot/checkpoint-ledger.ts';
import { FrozenState } from '../snapshot/frozen-keyed-state.ts';
import { countChanged, freezeTable } from '../snapshot/frozen-table.ts';
import { LEFT_ROW_BYTES_MIN_DEFAULT, LeftRows } from '../snapshot/left-rows.ts';
import { restoreFiles } from '../snapshot/restore-files.ts';
import { LOG_BYTES_MAX_DEFAULT } from '../spill/spill-log.ts';
import { CACHE_BYTES_MAX_DEFAULT, WorkingSet } from '../spill/working-set.ts';
import { KeyedTable } from '../table/keyed-table.ts';
import type { RowStore } from '../table/row-store.ts';
import { countedRows } from '../table/table-weight.ts';
import { NOTHING_CONFIRMED, StampClock } from '../table/stamp-clock.ts';
import { TableKeyWalk } from '../table/key-walk.ts';
import { PackedCells } from '../packed/packed-cells.ts';
import { KeyedTimers } from '../timers/keyed-timers.ts';
import { convertState, NEVER_OVER, type StateConversion } from '../ttl/convert-state.ts';
import type { Expiry } from '../ttl/expiry.ts';
import { ExpiringStatesOf } from '../ttl/expiring-states.ts';
import type { StateTtl } from '../ttl/state-ttl.ts';
import { TtlListState } from '../ttl/ttl-list-state.ts';
import { TtlValueState } from '../ttl/ttl-value-state.ts';
import { ChunkedItems } from '../user-state/chunked-items.ts';
import { CurrentKey } from '../user-state/current-key.ts';
import { DistinctValues } from '../user-state/distinct-values.ts';
import { ListState } from '../user-state/list-state.ts';
import { MapState } from '../user-state/map-state.ts';
import { ValueState } from '../user-state/value-state.ts';
import { TableRegistry } from './table-registry.ts';

/** The table that has a row for each key with something in such a state. */
const HEADS = { value: '~value', list: '~list-head', map: '~map-head' } as const;
const TTL_HEADS = { value: '~ttl-value', list: '~ttl-list-head', map: '~ttl-map-head' } as const;
type AnyStateHandle = ValueStateHandle | ListStateHandle | MapStateHandle;

const ROW_BYTES = 40;
/** What a value takes, about. */
const VALUE_BYTES = 64;
/** What a bucket of distinct values takes, about: 8 bytes for each that it has, or has room for. */
const BUCKET_BYTES = 400;

/** The keyed-state backend of one operator and subtask. Threading: the task's thread only. */
export class WorkingSetBackend implements KeyedStateBackend {
  readonly registry: TableRegistry;
  readonly timers: KeyedTimers;
  expiring: ExpiringStatesOf | undefined = undefined;
  readonly #options: KeyedStateBackendOptions;
  readonly #clock = new StampClock();
  readonly #current = new CurrentKey();
  readonly #ledger: CheckpointLedger;
  readonly #workingSet: WorkingSet;
  /** Restored states that have gained or lost a TTL. */
  readonly #conversions: StateConversion[] = [];
  /** By checkpoint; those whose fate is open. */
  readonly #frozen = new Map<number, FrozenState>();

  constructor(options: KeyedStateBackendOptions) {
    this.#options = options;
    const { keyGroupCount, keyGroupRange } = options;
    this.registry = new TableRegistry(this.#clock, keyGroupCount, {
      areKeysWalked: options.areKeysWalked === true,
      areNumbersWeighed: options.areNumbersWeighed === true,
      ...options.restore,
    });
    this.#ledger = new CheckpointLedger({
      clock: this.#clock,
      range: keyGroupRange,
      keyGroupCount,
      wholeEntriesMax: options.wholeSnapshotEntriesMax,
    });
    this.#workingSet = new WorkingSet({
      registry: this.registry,
      clock: this.#clock,
      cacheEntriesMax: options.cacheEntriesMax,
      cacheBytesMax: options.cacheBytesMax ?? CACHE_BYTES_MAX_DEFAULT,
      heapBytesMax: options.heapBytesMax,
      keyGroupCount,
      range: keyGroupRange,
      openStore: options.openStore,
      spillLogBytesMax: options.spillLogBytesMax ?? LOG_BYTES_MAX_DEFAULT,
    });
    const event = this.registry.pairTable('~timer', 'event');
    const processing = this.registry.pairTable('~timer', 'processing');
    this.timers = new KeyedTimers({ event, processing }, this.#current);
  }

  table(descriptor: TableDescriptor): RowTable {
    return this.registry.rowTable(descriptor);
  }

  valueState(name: string, ttl?: StateTtl): ValueStateHandle {
    return this.#declared('value', name, ttl) as ValueStateHandle;
  }

  listState(name: string, ttl?: StateTtl): ListStateHandle {
    return this.#declared('list', name, ttl) as ListStateHandle;
  }

  mapState(name: string, ttl?: StateTtl): MapStateHandle {
    return this.#declared('map', name, ttl) as MapStateHandle;
  }

  #declared(kind: UserStateKind, name: string, ttl: StateTtl | undefined): AnyStateHandle {
    const handle =
      ttl === undefined ? this.#lasting(kind, name) : this.#expires(this.#expiring(kind, name, ttl));
    const otherHeads = (ttl === undefined ? TTL_HEADS : HEADS)[kind];
    if ((this.registry.find(otherHeads, name)?.entryCount ?? 0) > 0)
      this.#conversions.push(this.#conversion(kind, name, { to: handle, hadTtl: ttl === undefined }));
    return handle;
  }

  #lasting(kind: UserStateKind, name: string): AnyStateHandle {
    const { registry } = this;
    switch (kind) {
      case 'value':
        return new ValueState(registry.keyedTable('~value', name), this.#current);
      case 'list': {
        const heads = registry.keyedTable('~list-head', name);
        const chunks = registry.pairTable('~list-chunk', name);
        return new ListState(new ChunkedItems(heads, chunks, this.#clock), this.#current);
      }
      case 'map': {
        const heads = registry.keyedTable('~map-head', name);
        const entries = registry.pairTable('~map-entry', name);
        const chunks = registry.pairTable('~map-directory', name);
        return new MapState(
          { entries, directory: new ChunkedItems(heads, chunks, this.#clock) },
          this.#current,
        );
      }
    }
  }

  #expiring(
    kind: UserStateKind,
    name: string,
    ttl: StateTtl,
  ): AnyStateHandle & { readonly expiry: Expiry | undefined } {
    const { registry } = this;
    const spans = this.#spans(name);
    switch (kind) {
      case 'value':
        return new TtlValueState(
          { values: registry.keyedTable('~ttl-value', name), spans },
          this.#current,
          ttl,
        );
      case 'list': {
        const heads = registry.keyedTable('~ttl-list-head', name);
        const chunks = registry.pairTable('~ttl-list-chunk', name);
        return new TtlListState(
          { heads, chunks, spans },
          { current: this.#current, clock: this.#clock },
          ttl,
        );
      }
      case 'map': {
        const heads = registry.keyedTable('~ttl-map-head', name);
        const entries = registry.pairTable('~ttl-map-entry', name);
        const chunks = registry.pairTable('~ttl-map-directory', name);
        const directory = new ChunkedItems(heads, chunks, this.#clock);
        return new MapState({ entries, directory }, this.#current, { ttl, spans });
      }
    }
  }

  #conversion(
    kind: UserStateKind,
    name: string,
    { to, hadTtl }: { readonly to: AnyStateHandle; readonly hadTtl: boolean },
  ): StateConversion {
    const spans = hadTtl ? this.#spans(name) : undefined;
    return {
      kind,
      from: hadTtl ? this.#expiring(kind, name, NEVER_OVER) : this.#lasting(kind, name),
      to,
      walk: () =>
        new TableKeyWalk(this.registry.keyedTable((hadTtl ? TTL_HEADS : HEADS)[kind], name), this.#current),
      dropSpans: () => {
        for (let span = spans?.namespaces()[0]; span !== undefined; span = spans?.namespaces()[0])
          spans?.removeNamespace(span);
      },
    };
  }

  async restoreForms(): Promise<void> {
    for (const conversion of this.#conversions.splice(0))
      await convertState(conversion, () => this.relieve());
  }

  distinctValues(name: string): DistinctValuesHandle {
    const { registry } = this;
    const heads = registry.keyedTable('~distinct-head', name);
    const buckets = registry.pairTable('~distinct-bucket', name);
    return new DistinctValues({ heads, buckets }, this.#clock);
  }

  walkKeys(kind: UserStateKind, name: string, hasTtl = false): KeyWalk {
    invariant(this.#options.areKeysWalked === true, 'the backend was not opened for walks over its keys');
    return new TableKeyWalk(
      this.registry.keyedTable((hasTtl ? TTL_HEADS : HEADS)[kind], name),
      this.#current,
    );
  }

  /** Of keys of states with a TTL. */
  #spans(name: string): KeyedTable {
    return this.registry.keyedTable('~ttl-span', name);
  }

  #expires<S extends { readonly expiry: Expiry | undefined }>(state: S): S {
    this.expiring ??= new ExpiringStatesOf();
    if (state.expiry !== undefined) this.expiring.add(state.expiry);
    return state;
  }

  setCurrentKey(key: unknown, keyHash: number): void {
    this.#current.key = key;
    this.#current.hash = keyHash;
  }

  prefetch(keyHashes: Int32Array, from: number, to: number): void {
    const { tables } = this.registry;
    for (let index = 0; index < tables.length; index++) {
      const table = tables[index];
      if (table instanceof KeyedTable) table.prefetch(keyHashes, from, to);
    }
  }

  get currentKey(): unknown {
    return this.#current.key;
  }

  get currentKeyHash(): number {
    return this.#current.hash;
  }

  get isWriteBehindFull(): boolean {
    return this.#workingSet.isFull;
  }

  relieve(): Promise<void> | undefined {
    return this.#workingSet.relieve();
  }

  freeze(checkpointId: number): FrozenKeyedState {
    const { keyGroupRange } = this.#options;
    const { tables } = this.registry;
    const confirmed = this.#ledger.confirmed;
    let changedCount = this.#workingSet.unsavedCount(confirmed);
    let needsFullBase = false;
    for (const table of tables) {
      const { removals, drops, overflowStamp } = table.removals;
      changedCount += countChanged(table.rows, confirmed) + removals.length + drops.length;
      if (overflowStamp > confirmed) needsFullBase = true;
    }
    const { entryCount } = this;
    const isFirst = confirmed === NOTHING_CONFIRMED && entryCount > 0;
    const hasChanged = changedCount > 0 || needsFullBase || isFirst;
    const scope = this.#ledger.scope({ changedCount, entryCount, needsFullBase });
    const frozenTables = hasChanged ? tables.map((table) => freezeTable(table, scope)) : [];
    const yieldToTask = this.#options.yieldToTask ?? nextMicrotask;
    const store = hasChanged ? this.#workingSet.view(scope, yieldToTask) : undefined;
    const previousFiles = scope.isFullBase && hasChanged ? [] : this.#ledger.files;
    const onWritten = this.#ledger.freeze(checkpointId, hasChanged);
    const frozen = new FrozenState({
      checkpointId,
      scope,
      firstKeyGroup: keyGroupRange.firstKeyGroup,
      endKeyGroup: keyGroupRange.lastKeyGroup + 1,
      tables: frozenTables,
      store,
      previousFiles,
      yieldToTask,
      onWritten,
    });
    this.#frozen.set(checkpointId, frozen);
    return frozen;
  }

  /** Called once, before anything else. */
  async restore(restore: NonNullable<KeyedStateBackendOptions['restore']>): Promise<void> {
    const { keyGroupRange: range, leftRowBytesMin: rowBytesMin = LEFT_ROW_BYTES_MIN_DEFAULT } = this.#options;
    let rowCount = 0;
    for (const { runs } of restore.files) for (const { entryCount } of runs) rowCount += entryCount;
    const { files, isUnchanged } = await restoreFiles({
      ...restore,
      range,
      registry: this.registry,
      leftRows: new LeftRows({ workingSet: this.#workingSet, rowBytesMin, rowCount }),
      relieve: () => this.relieve(),
    });
    if (isUnchanged) this.#ledger.buildOn(files);
    this.timers.rebuild();
  }

  checkpointCompleted(checkpointId: number): void {
    if (!this.#ledger.complete(checkpointId)) return;
    this.#workingSet.checkpointCompleted();
    for (const table of this.registry.tables) table.removals.trim(this.#ledger.confirmed);
    for (const [id] of this.#frozen) if (id <= checkpointId) this.#abandon(id);
  }

  checkpointAborted(checkpointId: number): void {
    this.#ledger.abort(checkpointId);
    this.#abandon(checkpointId);
  }

  get entryCount(): number {
    let count = 0;
    for (const table of this.registry.tables) count += table.entryCount;
    return count;
  }

  get stateBytes(): number {
    let bytes = this.#workingSet.bytes;
    const { averageRowBytes } = this.#workingSet;
    for (const table of this.registry.tables) {
      const { rows, cells } = table;
      const valueBytes = cells === bucketCells ? BUCKET_BYTES : VALUE_BYTES;
      const isWeighed = averageRowBytes !== undefined && countedRows(table) > 0;
      bytes += rows.count * (isWeighed ? averageRowBytes : bytesOfRow(rows, valueBytes));
      bytes += packedBytes(rows) + (cells.bytes ?? 0);
    }
    return bytes;
  }

  async close(): Promise<void> {
    for (const [id] of this.#frozen) this.#abandon(id);
    await this.#workingSet.close();
  }

  #abandon(checkpointId: number): void {
    this.#frozen.get(checkpointId)?.abandon();
    this.#frozen.delete(checkpointId);
  }
}

/** Key, hash, stamps, place in the index and columns. */
function bytesOfRow(rows: RowStore, valueBytes: number): number {
  let bytes = ROW_BYTES;
  for (const kind of rows.columnKinds) bytes += kind === 'value' ? valueBytes : 8;
  return bytes;
}

function packedBytes(rows: RowStore): number {
  let bytes = 0;
  for (const cells of rows.columns) if (cells instanceof PackedCells) bytes += cells.bytes;
  return bytes;
}

function nextMicrotask(): Promise<void> {
  return Promise.resolve();
}
