// [HOT] Keeps about `cacheEntriesMax` rows, or `heapBytesMax` bytes of them, and `cacheBytesMax` bytes of packed ones in memory: a clock with a second chance picks rows,
// which go to the store.
import type { KeyGroupRange, KeyValueStore } from '@millrace/common';
import type { StateTable, TableRegistry } from '../backend/table-registry.ts';
import { PREFETCH_ROWS, ROWS_IN_CACHE } from '../table/row-prefetch.ts';
import { FREE, type RowStore } from '../table/row-store.ts';
import { countedRows, packedBytesOf } from '../table/table-weight.ts';
import type { StampClock } from '../table/stamp-clock.ts';
import { HeldLog } from './held-log.ts';
import { RestoredRows } from './restored-rows.ts';
import { RowSpill } from './row-spill.ts';
import { RowsBound } from './rows-bound.ts';
import { StoreView } from './store-view.ts';
import { TableStore } from './table-store.ts';
import { WriteBehind } from './write-behind.ts';

/** Packed rows in memory, by default. */
export const CACHE_BYTES_MAX_DEFAULT = 512 * 1024 * 1024;
/** Bytes on their way to the store at which the task waits. */
const UNWRITTEN_BYTES_MAX = 16 * 1024 * 1024;
/** Rows that an eviction makes room for: with the overdraft, a few milliseconds of work. */
const HEADROOM_ROWS_MAX = 4096;
/** The same, of packed rows. */
const OVERDRAFT_BYTES_MAX = 1024 * 1024;
const HEADROOM_BYTES_MAX = 1024 * 1024;
/**
 * Rows and bytes that one eviction moves away at most; the task waits, and relieves again. Millions of rows are over the limit at once when ones that
 * were weighed are counted from now on, because a key or a value came that is no number.
 */
const EVICTED_ROWS_MAX = 65_536;
const EVICTED_BYTES_MAX = 64 * 1024 * 1024;
/** Rows changed during so many evictions get a second chance. */
const RECENT_EVICTIONS = 4;
/** Chunks of dropped namespaces deleted in one pass, at most. */
const DROPPED_CHUNKS_PER_PASS = 32;

/** Whose rows are kept, how many of them, and the store for the others. */
export interface WorkingSetOptions {
  readonly registry: TableRegistry;
  readonly clock: StampClock;
  readonly cacheEntriesMax: number;
  readonly cacheBytesMax: number;
  readonly heapBytesMax: number | undefined;
  readonly keyGroupCount: number;
  readonly range: KeyGroupRange;
  readonly openStore: () => Promise<KeyValueStore>;
  readonly spillLogBytesMax: number;
}

/** What of a table may stay in memory. */
interface Share {
  readonly rowsMax: number;
  readonly packedBytesMax: number;
}

/**
 * Decides which rows are in memory. Bounds: `cacheEntriesMax` rows whose values are on the heap, or about `heapBytesMax` bytes of them, `cacheBytesMax` of packed ones, and
 * UNWRITTEN_BYTES_MAX on their way to the store.
 */
export class WorkingSet {
  readonly #options: WorkingSetOptions;
  readonly #writeBehind: WriteBehind;
  readonly #rowsBound: RowsBound;
  #spill: RowSpill | undefined;
  readonly #tableStores = new Map<StateTable, TableStore>();
  /** Where the clock's hand is in each table. */
  readonly #hands = new Map<StateTable, number>();
  /** Greatest stamp of a change that left memory unsaved, and how many did since the last completed checkpoint. */
  #newestChange = -1;
  #changeCount = 0;

  constructor(options: WorkingSetOptions) {
    this.#options = options;
    this.#writeBehind = new WriteBehind(options.openStore);
    this.#rowsBound = new RowsBound({ rowsMax: options.cacheEntriesMax, heapBytesMax: options.heapBytesMax });
  }

  get isFull(): boolean {
    const rows = this.#rowsInMemory();
    this.#rowsBound.look(this.#options.registry.tables, rows);
    return (
      this.#writeBehind.unwrittenBytes > UNWRITTEN_BYTES_MAX ||
      rows > this.#rowsBound.overdraftMax ||
      this.#packedBytesInMemory() > this.#options.cacheBytesMax + OVERDRAFT_BYTES_MAX ||
      this.#options.registry.tables.some(isUntidy)
    );
  }

  /** Of the heap, that a row there takes on average; undefined: none was weighed. */
  get averageRowBytes(): number | undefined {
    return this.#rowsBound.averageBytes;
  }

  /** Bytes in the store and on their way to it, about. */
  get bytes(): number {
    let bytes = this.#writeBehind.unwrittenBytes + (this.#spill?.bytes ?? 0);
    for (const store of this.#tableStores.values()) {
      const average = store.writtenCount === 0 ? 0 : store.writtenBytes / store.writtenCount;
      bytes += store.awayCount * average;
    }
    return bytes + (this.#spill?.restored?.liveBytes ?? 0);
  }

  /** Where rows of a table are kept that stay in the files of the checkpoint restored; `rowCount`: of all such tables, about. */
  restoredStore(table: StateTable, rowCount: number): { restored: RestoredRows; store: TableStore } {
    const store = this.#tableStores.get(table) ?? this.#makeStore(table);
    const spill = this.#spill as RowSpill;
    const restored = (spill.restored ??= new RestoredRows(this.#options.clock, rowCount));
    return { restored, store };
  }

  /**
   * Evicts when the cache is over its limit, and writes what the log has no room for. Resolves when the store may be given
   * more; undefined: it may already.
   */
  relieve(): Promise<void> | undefined {
    const { cacheBytesMax } = this.#options;
    const rows = this.#rowsInMemory();
    const rowsMax = this.#rowsBound.max;
    const bytes = this.#packedBytesInMemory();
    if (rows > rowsMax || bytes > cacheBytesMax)
      this.#evict({
        rows: Math.min(excess(rows, rowsMax, HEADROOM_ROWS_MAX), EVICTED_ROWS_MAX),
        bytes: Math.min(excess(bytes, cacheBytesMax, HEADROOM_BYTES_MAX), EVICTED_BYTES_MAX),
      });
    for (const table of this.#options.registry.tables) if (isUntidy(table)) tidy(table);
    let chunksLeft = DROPPED_CHUNKS_PER_PASS;
    for (const store of this.#tableStores.values()) {
      while (store.hasDropped && chunksLeft-- > 0) store.deleteSomeDropped();
    }
    const written = this.#writeBehind.drain();
    return this.#writeBehind.hasFailed || this.isFull ? written : undefined;
  }

  /** What a freeze must know of the store; undefined: nothing ever left memory. */
  view(
    scope: { readonly baseFrom: number; readonly baseTo: number; readonly confirmed: number },
    yieldToTask: () => Promise<void>,
  ): StoreView | undefined {
    if (this.#spill === undefined) return undefined;
    const { registry, keyGroupCount, range } = this.#options;
    this.#spill.flushChanges();
    return new StoreView({
      ...scope,
      firstKeyGroup: range.firstKeyGroup,
      endKeyGroup: range.lastKeyGroup + 1,
      keyGroupCount,
      tables: [...registry.tables],
      writeBehind: this.#writeBehind,
      log: new HeldLog(this.#spill.log.hold()),
      restored: this.#spill.restored,
      stamp: this.#options.clock.current,
      yieldToTask,
    });
  }

  /** Changes that left memory and are in no completed checkpoint, about; 0 only when there are none. */
  unsavedCount(confirmed: number): number {
    return this.#newestChange > confirmed ? Math.max(1, this.#changeCount) : 0;
  }

  checkpointCompleted(): void {
    this.#changeCount = 0;
    this.#spill?.restored?.closeUnneeded(this.#options.clock.confirmed);
  }

  async close(): Promise<void> {
    await this.#spill?.restored?.close();
    await this.#writeBehind.close();
  }

  #rowsInMemory(): number {
    const { tables } = this.#options.registry;
    let count = 0;
    for (let index = 0; index < tables.length; index++) count += countedRows(tables[index] as StateTable);
    return count;
  }

  #packedBytesInMemory(): number {
    const { tables } = this.#options.registry;
    let bytes = 0;
    for (let index = 0; index < tables.length; index++) bytes += packedBytesOf(tables[index] as StateTable);
    return bytes;
  }

  /** Each table gives its share of what is too much. */
  #evict(excess: { readonly rows: number; readonly bytes: number }): void {
    const rowsTotal = this.#rowsInMemory();
    const bytesTotal = this.#packedBytesInMemory();
    for (const table of this.#options.registry.tables) {
      const rows = countedRows(table);
      const bytes = packedBytesOf(table);
      const share = {
        rowsMax: rows === 0 ? Infinity : rows - Math.ceil((excess.rows * rows) / rowsTotal),
        packedBytesMax: bytes === 0 ? Infinity : bytes - Math.ceil((excess.bytes * bytes) / bytesTotal),
      };
      if (!isWithin(table, share)) this.#sweep(table, share, true);
      if (!isWithin(table, share)) this.#sweep(table, share, false);
    }
    this.#options.clock.advance();
  }

  /** Moves rows away until the rest is within the share, in one turn of the hand. */
  #sweep(table: StateTable, share: Share, givesSecondChance: boolean): void {
    const store = this.#tableStores.get(table) ?? this.#makeStore(table);
    const { rows } = table;
    const recent = this.#options.clock.current - RECENT_EVICTIONS;
    let hand = this.#hands.get(table) ?? 0;
    let lookedAt = 0;
    for (let steps = rows.highWater; steps > 0; steps--) {
      hand = hand + 1 >= rows.highWater ? 0 : hand + 1;
      if (hand === 0 || --lookedAt < 0) {
        lookedAt = PREFETCH_ROWS - 1;
        lookAhead(table, store, hand);
      }
      const changed = rows.changed[hand] as number;
      if (changed === FREE) continue;
      if (givesSecondChance && (changed > recent || rows.touched[hand] === 1)) {
        rows.touched[hand] = 0;
        continue;
      }
      if (this.#moveAway(table, store, hand) && isWithin(table, share)) break;
    }
    this.#hands.set(table, hand);
  }

  #moveAway(table: StateTable, store: TableStore, row: number): boolean {
    const { rows } = table;
    const changed = rows.changed[row] as number;
    if (rows.stored[row] !== changed) {
      const { clock } = this.#options;
      if (clock.lastFrozen > 0 && changed > clock.confirmed) {
        this.#newestChange = Math.max(this.#newestChange, changed);
        this.#changeCount++;
      }
      store.store(row, identityOf(table, rows, row));
      rows.stored[row] = changed;
    }
    return table.moveAway(row);
  }

  #makeStore(table: StateTable): TableStore {
    const { registry, keyGroupCount, range } = this.#options;
    const at = { keyGroupCount, tableId: registry.tables.indexOf(table) };
    this.#spill ??= new RowSpill({
      writeBehind: this.#writeBehind,
      log: {
        bytesMax: this.#options.spillLogBytesMax,
        firstKeyGroup: range.firstKeyGroup,
        keyGroupCount: range.lastKeyGroup + 1 - range.firstKeyGroup,
      },
      clock: this.#options.clock,
      hasSubkeys: (tableId) => registry.tables[tableId]?.subkeyKind !== 'none',
    });
    table.rows.letLeave();
    const store = new TableStore(table, at, this.#spill);
    this.#tableStores.set(table, store);
    table.storedRows = store;
    return store;
  }
}

/** What goes when there is more than `max`, with some room for what comes. */
function excess(present: number, max: number, headroomMax: number): number {
  return present > max ? Math.min(present, present - max + Math.min(headroomMax, Math.ceil(max / 10))) : 0;
}

function isUntidy({ cells }: StateTable): boolean {
  return cells.isUntidy === true;
}

function tidy({ cells, rows }: StateTable): void {
  cells.tidy?.(
    rows.columns.filter((column) => Array.isArray(column)),
    rows.highWater,
  );
}

/** At where the log has older versions of the rows that the hand comes to: most leave. */
function lookAhead(table: StateTable, store: TableStore, hand: number): void {
  if (table.subkeyKind !== 'none' || store.awayCount <= ROWS_IN_CACHE) return;
  store.lookAhead(table.rows.hashes, hand, table.rows.highWater);
}

function isWithin(table: StateTable, { rowsMax, packedBytesMax }: Share): boolean {
  return table.rows.count <= rowsMax && packedBytesOf(table) <= packedBytesMax;
}

function identityOf(table: StateTable, rows: RowStore, row: number) {
  const subkey = rows.subkeys?.get(row);
  return {
    key: rows.keys.get(row),
    hash: rows.hashes[row] as number,
    subkey,
    generation: table.generationOf(typeof subkey === 'number' ? subkey : 0) ?? 0,
  };
}
