// The keyed-state backend: tables in memory, a store behind them, snapshots of both.
import { invariant } from '@millrace/common';
import type {
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
import { Pacer } from '../snapshot/pacer.ts';
import { LOG_BYTES_MAX_DEFAULT } from '../spill/spill-log.ts';
import { WorkingSet } from '../spill/working-set.ts';
import type { KeyedTable } from '../table/keyed-table.ts';
import type { RowStore } from '../table/row-store.ts';
import { NOTHING_CONFIRMED, StampClock } from '../table/stamp-clock.ts';
import { TableKeyWalk } from '../table/key-walk.ts';
import { KeyedTimers } from '../timers/keyed-timers.ts';
import type { Expiry } from '../ttl/expiry.ts';
import { ExpiringStatesOf } from '../ttl/expiring-states.ts';
import type { StateTtl } from '../ttl/state-ttl.ts';
import { TtlListState } from '../ttl/ttl-list-state.ts';
import { TtlValueState } from '../ttl/ttl-value-state.ts';
import { CurrentKey } from '../user-state/current-key.ts';
import { ListState } from '../user-state/list-state.ts';
import { MapState } from '../user-state/map-state.ts';
import { ValueState } from '../user-state/value-state.ts';
import { TableRegistry } from './table-registry.ts';

/** The table that has a row for each key with something in such a state. */
const HEADS = { value: '~value', list: '~list-head', map: '~map-head' } as const;
const TTL_HEADS = { value: '~ttl-value', list: '~ttl-list-head', map: '~ttl-map-head' } as const;
const ROW_BYTES = 40;
/** What a value takes, about. */
const VALUE_BYTES = 64;

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
  /** By checkpoint; those whose fate is open. */
  readonly #frozen = new Map<number, FrozenState>();

  constructor(options: KeyedStateBackendOptions) {
    this.#options = options;
    const { keyGroupCount, keyGroupRange } = options;
    this.registry = new TableRegistry(this.#clock, keyGroupCount, options.areKeysWalked === true);
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
    if (ttl !== undefined) {
      const values = this.registry.keyedTable('~ttl-value', name);
      return this.#expires(new TtlValueState({ values, spans: this.#spans(name) }, this.#current, ttl));
    }
    return new ValueState(this.registry.keyedTable('~value', name), this.#current);
  }

  listState(name: string, ttl?: StateTtl): ListStateHandle {
    if (ttl !== undefined) {
      const tables = {
        heads: this.registry.keyedTable('~ttl-list-head', name),
        chunks: this.registry.pairTable('~ttl-list-chunk', name),
        spans: this.#spans(name),
      };
      return this.#expires(new TtlListState(tables, { current: this.#current, clock: this.#clock }, ttl));
    }
    const heads = this.registry.keyedTable('~list-head', name);
    const chunks = this.registry.pairTable('~list-chunk', name);
    return new ListState({ heads, chunks }, this.#current, this.#clock);
  }

  mapState(name: string, ttl?: StateTtl): MapStateHandle {
    if (ttl !== undefined) {
      const tables = {
        heads: this.registry.keyedTable('~ttl-map-head', name),
        entries: this.registry.pairTable('~ttl-map-entry', name),
        directory: this.registry.pairTable('~ttl-map-directory', name),
      };
      const expires = { ttl, spans: this.#spans(name) };
      return this.#expires(new MapState(tables, this.#current, this.#clock, expires));
    }
    const heads = this.registry.keyedTable('~map-head', name);
    const entries = this.registry.pairTable('~map-entry', name);
    const directory = this.registry.pairTable('~map-directory', name);
    return new MapState({ heads, entries, directory }, this.#current, this.#clock);
  }

  walkKeys(kind: UserStateKind, name: string, hasTtl = false): KeyWalk {
    invariant(this.#options.areKeysWalked === true, 'the backend was not opened for walks over its keys');
    return new TableKeyWalk(
      this.registry.keyedTable((hasTtl ? TTL_HEADS : HEADS)[kind], name),
      this.#current,
    );
  }

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
      pacer: new Pacer(yieldToTask),
      onWritten,
    });
    this.#frozen.set(checkpointId, frozen);
    return frozen;
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
    for (const table of this.registry.tables) bytes += table.rows.count * bytesOfRow(table.rows);
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

/** Key, hash, stamps, place in the index and columns; a value counts as VALUE_BYTES. */
function bytesOfRow(rows: RowStore): number {
  let bytes = ROW_BYTES;
  for (const kind of rows.columnKinds) bytes += kind === 'f64' ? 8 : VALUE_BYTES;
  return bytes;
}

function nextMicrotask(): Promise<void> {
  return Promise.resolve();
}
