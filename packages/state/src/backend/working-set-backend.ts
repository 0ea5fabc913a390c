// The keyed-state backend: tables in memory, a store behind them, snapshots of both.
import type {
  FrozenKeyedState,
  KeyedStateBackend,
  KeyedStateBackendOptions,
  ListStateHandle,
  MapStateHandle,
  RowTable,
  TableDescriptor,
  ValueStateHandle,
} from '../keyed-state-backend.ts';
import { CheckpointLedger } from '../snapshot/checkpoint-ledger.ts';
import { FrozenState } from '../snapshot/frozen-keyed-state.ts';
import { countChanged, freezeTable } from '../snapshot/frozen-table.ts';
import { Pacer } from '../snapshot/pacer.ts';
import { StampClock } from '../table/stamp-clock.ts';
import { KeyedTimers } from '../timers/keyed-timers.ts';
import { CurrentKey } from '../user-state/current-key.ts';
import { ListState } from '../user-state/list-state.ts';
import { MapState } from '../user-state/map-state.ts';
import { ValueState } from '../user-state/value-state.ts';
import { TableRegistry } from './table-registry.ts';

export class WorkingSetBackend implements KeyedStateBackend {
  readonly registry: TableRegistry;
  readonly timers: KeyedTimers;
  readonly #options: KeyedStateBackendOptions;
  readonly #clock = new StampClock();
  readonly #current = new CurrentKey();
  readonly #ledger: CheckpointLedger;

  constructor(options: KeyedStateBackendOptions) {
    this.#options = options;
    const { keyGroupCount, keyGroupRange } = options;
    this.registry = new TableRegistry(this.#clock, keyGroupCount);
    this.#ledger = new CheckpointLedger({
      clock: this.#clock,
      range: keyGroupRange,
      keyGroupCount,
      wholeEntriesMax: options.wholeSnapshotEntriesMax,
    });
    const event = this.registry.pairTable('~timer', 'event');
    const processing = this.registry.pairTable('~timer', 'processing');
    this.timers = new KeyedTimers({ event, processing }, this.#current);
  }

  table(descriptor: TableDescriptor): RowTable {
    return this.registry.rowTable(descriptor);
  }

  valueState(name: string): ValueStateHandle {
    return new ValueState(this.registry.keyedTable('~value', name), this.#current);
  }

  listState(name: string): ListStateHandle {
    const heads = this.registry.keyedTable('~list-head', name);
    const chunks = this.registry.pairTable('~list-chunk', name);
    return new ListState({ heads, chunks }, this.#current, this.#clock);
  }

  mapState(name: string): MapStateHandle {
    const heads = this.registry.keyedTable('~map-head', name);
    const entries = this.registry.pairTable('~map-entry', name);
    const directory = this.registry.pairTable('~map-directory', name);
    return new MapState({ heads, entries, directory }, this.#current, this.#clock);
  }

  setCurrentKey(key: unknown, keyHash: number): void {
    this.#current.key = key;
    this.#current.hash = keyHash;
  }

  get currentKey(): unknown {
    return this.#current.key;
  }

  get isWriteBehindFull(): boolean {
    return false;
  }

  relieve(): Promise<void> | undefined {
    return undefined;
  }

  freeze(checkpointId: number): FrozenKeyedState {
    const { keyGroupRange } = this.#options;
    const { tables } = this.registry;
    const confirmed = this.#ledger.confirmed;
    let changedCount = 0;
    let needsFullBase = false;
    for (const table of tables) {
      const { removals, drops, overflowStamp } = table.removals;
      changedCount += countChanged(table.rows, confirmed) + removals.length + drops.length;
      if (overflowStamp > confirmed) needsFullBase = true;
    }
    const hasChanged = changedCount > 0 || needsFullBase;
    const scope = this.#ledger.scope({ changedCount, entryCount: this.entryCount, needsFullBase });
    const onWritten = this.#ledger.freeze(checkpointId, hasChanged);
    return new FrozenState({
      checkpointId,
      scope,
      firstKeyGroup: keyGroupRange.firstKeyGroup,
      endKeyGroup: keyGroupRange.lastKeyGroup + 1,
      tables: hasChanged ? tables.map((table) => freezeTable(table, scope)) : [],
      store: undefined,
      previousFiles: scope.isFullBase && hasChanged ? [] : this.#ledger.files,
      pacer: new Pacer(this.#options.yieldToTask ?? nextMicrotask),
      onWritten,
    });
  }

  checkpointCompleted(checkpointId: number): void {
    if (!this.#ledger.complete(checkpointId)) return;
    for (const table of this.registry.tables) table.removals.trim(this.#ledger.confirmed);
  }

  checkpointAborted(checkpointId: number): void {
    this.#ledger.abort(checkpointId);
  }

  get entryCount(): number {
    let count = 0;
    for (const table of this.registry.tables) count += table.entryCount;
    return count;
  }

  get stateBytes(): number {
    return 0;
  }

  async close(): Promise<void> {}
}

function nextMicrotask(): Promise<void> {
  return Promise.resolve();
}
