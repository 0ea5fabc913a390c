// The seam between operators and keyed state: one backend per keyed operator and subtask. Operators know nothing of what is
// in memory, what is in the store, and what a snapshot writes.
import type { BlobStore, KeyGroupRange, KeyValueStore, Logger } from '@millrace/common';
import type { KeyedStateFile, RecordBatch } from '@millrace/proto';
import type { StateTtl } from './ttl/state-ttl.ts';

/** A key as the user's selector gave it: string, number, boolean, bigint, null, Date, array or plain object of these. */
export type Key = unknown;

/**
 * How the values of a table column are kept. `f64`: a Float64Array. `value`: anything that the wire's codec takes. `packed`: the same
 * as bytes outside of the heap, see {@link PackedColumn}: for what is seldom read.
 */
export type ColumnKind = 'f64' | 'value' | 'packed';

/**
 * A column of values that are encoded when they are set, once, and decoded when they are asked for: no objects are kept, and a
 * snapshot copies bytes.
 */
export interface PackedColumn {
  /** A fresh copy; undefined where nothing was set. */
  get(row: number): unknown;
  /**
   * Keeps a copy.
   * @throws {MillraceError} MR_UNSUPPORTED_VALUE for what the wire's codec refuses
   */
  set(row: number, value: unknown): void;
  /**
   * Keeps a copy of the record in row `at` of a batch, without making it; the batch never changes, and the copy may be made later. False,
   * and no value is another one: that takes `set`, with the record.
   */
  setFrom(row: number, batch: RecordBatch, at: number): boolean;
}

/**
 * Rows that are in lists of a table's cells, as bytes. Each has a number until it is removed; numbers are given out again.
 * Contract: all rows of a list that leaves its cell for another list are removed or in that list.
 */
export interface PackedRowsHandle {
  /**
   * Keeps a copy of `row`, which is what row `at` of `batch` is where there is one: its columns, which never change, are quicker to copy.
   * @throws {MillraceError} MR_UNSUPPORTED_VALUE for what the wire's codec refuses
   */
  add(row: unknown, batch: RecordBatch | undefined, at: number): number;
  /** Keeps a copy of a row that is bytes already. */
  addBytes(bytes: Uint8Array): number;
  /** The row, or a copy: not to be changed. */
  get(id: number): unknown;
  remove(id: number): void;
}

/**
 * Lists of rows, each behind a number, outside of the heap: a list is a number itself, which stands in a cell and is another one when the list
 * has changed; 0 is the empty list. What a snapshot has stays as it is: nobody copies a list before it is changed.
 * Contract: of what `insert` and `removeAt` were given only what they returned is used afterwards.
 */
export interface PackedListsHandle {
  lengthOf(list: number): number;
  headAt(list: number, index: number): number;
  /** The row, or a copy: not to be changed. */
  rowAt(list: number, index: number): unknown;
  /**
   * Keeps a copy of `row` at `index`, before what is there. See {@link PackedRowsHandle.add}.
   * @throws {MillraceError} MR_UNSUPPORTED_VALUE for what the wire's codec refuses
   */
  insert(
    list: number,
    index: number,
    head: number,
    row: unknown,
    batch: RecordBatch | undefined,
    at: number,
  ): number;
  /** Makes a list, of one row or empty, one of this row, without room for another one. Otherwise as `insert`. */
  setOnly(list: number, head: number, row: unknown, batch: RecordBatch | undefined, at: number): number;
  removeAt(list: number, index: number): number;
  /** The row that was inserted last is not asked for soon: it need not be there as an object as well, with the texts of its batch. */
  letGo(list: number, index: number): void;
  /** A row as bytes, valid until the next change. */
  bytesAt(list: number, index: number): Uint8Array;
  /** Of a list that is in no cell any more. */
  free(list: number): void;
}

/** What an operator says of a table that it registers. */
export interface TableDescriptor {
  /** Unique in the operator; part of the snapshot format. */
  readonly name: string;
  /** `value` and `packed` do not go together; a snapshot with one is read as the other. */
  readonly columns: readonly ColumnKind[];
  /** Rows are `(namespace, key)`, the namespace being a number (a slice's end); else namespace is always 0. */
  readonly hasNamespaces: boolean;
  /**
   * Arrays in `value` columns are lists whose elements have nothing in common: each is written by itself, and an object that is in
   * two of them is two after a restore. Default false.
   */
  readonly hasLists?: boolean;
  /**
   * Cells of `value` columns are lists of packed rows, a `PackedList` or a number of `packedLists()`; each goes with the row of the table.
   * Default false.
   */
  readonly hasPackedLists?: boolean;
  /**
   * Nobody else keeps the keys of this table: of those that are arrays of numbers and texts there are numbers then, and `keyOf` makes
   * an array each time. Default false: only of those that are arrays of numbers.
   */
  readonly hasOwnKeys?: boolean;
}

/**
 * [HOT] Rows of columns by key, for accumulators. Generated code reads and writes `columns[c][row]` itself.
 * Contract: a row index is valid until the next `upsert`, `find`, `remove`, `removeNamespace` or return to the task's
 * loop; so are the arrays of `columns`. After writing into a row call `markDirty(row)`. A new row has 0 in `f64` columns
 * and undefined in `value` columns. Values put into `value` columns are not changed afterwards, except as `isOwn` allows.
 * Bounds: the backend keeps about `cacheEntriesMax` rows in memory, of tables with packed columns `cacheBytesMax` bytes; others are in
 * the store and come back when asked for.
 */
export interface RowTable {
  /** What is there of a packed column is its own business: see `packed`. */
  readonly columns: readonly (Float64Array | unknown[])[];
  /** A column that is packed; it stays the same object. */
  packed(column: number): PackedColumn;
  /** Of a table with packed lists. */
  packedRows(): PackedRowsHandle;
  packedLists(): PackedListsHandle;
  /** Row of a key, made when absent; `wasAbsent` tells. */
  upsert(key: Key, keyHash: number, namespace: number): number;
  readonly wasAbsent: boolean;
  /** -1 when absent. */
  find(key: Key, keyHash: number, namespace: number): number;
  /** As `find`, for a key that was in `row` once and mostly still is; -1: nobody knows. Only of a table without namespaces. */
  findAgain(row: number, key: Key, keyHash: number): number;
  markDirty(row: number): void;
  /**
   * True when the row came to be or changed after the last freeze: no snapshot refers to what is in its cells, so that it may be
   * changed in place. Asked before `markDirty`, which makes it true for all cells: who marks a row that is not own copies first
   * whatever of it is ever changed in place, not only what is changed now.
   */
  isOwn(row: number): boolean;
  remove(key: Key, keyHash: number, namespace: number): void;
  keyOf(row: number): Key;
  keyHashOf(row: number): number;
  /** Namespaces that have rows, ascending. Live: it changes with the next insertion or removal. */
  namespaces(): readonly number[];
  /** Visits the rows of a namespace; survives `markDirty` and `find`, not insertions into the same namespace. */
  openCursor(namespace: number): RowCursor;
  /** Drops all rows of a namespace at once. */
  removeNamespace(namespace: number): void;
}

/** Walks over rows; a row is a number that stands for its columns. */
export interface RowCursor {
  /** The next row, or -1 at the end. */
  next(): number;
}

/** Values are deep-frozen by `update` and friends, so that a mutation of what `value()` returned throws. */
export interface ValueStateHandle {
  value(): unknown;
  update(value: unknown): void;
  clear(): void;
}

/** List state of the current key. */
export interface ListStateHandle {
  /** Iterates without loading the whole list. */
  get(): Iterable<unknown>;
  add(value: unknown): void;
  addAll(values: Iterable<unknown>): void;
  update(values: Iterable<unknown>): void;
  clear(): void;
}

/** Map state of the current key. */
export interface MapStateHandle {
  get(mapKey: Key): unknown;
  put(mapKey: Key, value: unknown): void;
  has(mapKey: Key): boolean;
  remove(mapKey: Key): void;
  /** In the order of no promise; iterates without loading the whole map. */
  entries(): Iterable<[Key, unknown]>;
  keys(): Iterable<Key>;
  values(): Iterable<unknown>;
  isEmpty(): boolean;
  clear(): void;
}

/**
 * [HOT] Which values a key has had, and by whom: up to 31 bits a value, one each. Values are never taken out.
 * Contract: `add` is about the key selected last, until the return to the task's loop. The key is one that a table gave with `keyOf`,
 * or a number or string of 12 characters at most: it is kept as it is.
 */
export interface DistinctValuesHandle {
  select(ownedKey: Key, keyHash: number): void;
  /** Adds bits to a value; returns those that it had not. */
  add(value: Key, bits: number): number;
}

/** The kinds of state that a user declares. */
export type UserStateKind = 'value' | 'list' | 'map';

/**
 * A walk over the keys that had something in a state when it began, in no order.
 * Contract: between two calls states may be changed, and `relieve` may run; no second walk over the same state is open.
 * Bounds: it keeps those keys whose rows never left memory.
 */
export interface KeyWalk {
  /** Makes the next key the current one; false at the end, which closes the walk. */
  next(): boolean;
  close(): void;
}

/** The states of a backend that have a TTL. */
export interface ExpiringStates {
  /** What was removed because it was over. */
  readonly expiredCount: number;
  /** Something may be over, and waits to be cleaned. */
  readonly isDue: boolean;
  /** When something that goes by the wall clock may be over next, ms since the epoch; Infinity: never. */
  readonly wallDueMs: number;
  /** Looks at some of what may be over, a bounded number at a time; called between batches. */
  clean(): void;
}

/** Which clock a timer waits for. */
export type TimerDomain = 'event' | 'processing';

/** Timers are state: ordered by time within a domain, deduplicated by (key, time), in every snapshot. */
export interface TimerQueue {
  /** For the current key. */
  register(domain: TimerDomain, timestampMs: number): void;
  unregister(domain: TimerDomain, timestampMs: number): void;
  /** Time of the earliest timer, or Infinity. */
  earliest(domain: TimerDomain): number;
  /** Takes the earliest timer if it is due at `nowMs`, and makes its key the current one; undefined: none due. */
  pollDue(domain: TimerDomain, nowMs: number): number | undefined;
}

/** State that a barrier froze. */
export interface FrozenKeyedState {
  /**
   * Writes what changed and resolves to all files that a restore needs, oldest first, new ones included. New files are
   * named `<prefix><something unique>`. Runs while the task goes on; yields at least every 10 ms of work.
   */
  write(
    blobStore: BlobStore,
    prefix: string,
  ): Promise<{ readonly files: readonly KeyedStateFile[]; readonly newBytes: number }>;
}

/**
 * Keyed state of one operator in one subtask.
 * Contract: descriptors are registered before the first record. `freeze` is called between batches, and is short: what it
 * froze is what the snapshot holds, whatever happens afterwards. A file written for checkpoint n is referred to by later
 * checkpoints only after `checkpointCompleted(n)`; until then its changes count as unsaved.
 * @throws {MillraceError} MR_CHECKPOINT_CORRUPT when a restored file does not match its checksum
 * @throws {MillraceError} MR_STATE_BACKEND when the store fails
 */
export interface KeyedStateBackend {
  table(descriptor: TableDescriptor): RowTable;
  /** With a `ttl`, what is over is cleaned by {@link clean}. */
  valueState(name: string, ttl?: StateTtl): ValueStateHandle;
  listState(name: string, ttl?: StateTtl): ListStateHandle;
  mapState(name: string, ttl?: StateTtl): MapStateHandle;
  distinctValues(name: string): DistinctValuesHandle;
  /**
   * Moves what was restored of states that have gained or lost a TTL since: what gains one counts as written now. Called once, when
   * all states are asked for and their clocks can tell the time, before the first record.
   */
  restoreForms(): Promise<void>;
  /** States with a TTL; undefined: there are none. */
  readonly expiring: ExpiringStates | undefined;
  readonly timers: TimerQueue;
  /** For a backend that was opened with `areKeysWalked`. */
  walkKeys(kind: UserStateKind, name: string, hasTtl?: boolean): KeyWalk;
  /** Key that handles and timers are about. */
  setCurrentKey(key: Key, keyHash: number): void;
  readonly currentKey: Key;
  readonly currentKeyHash: number;
  /**
   * Records with these hashes of keys come next, from `from` up to `to`: fetches what is known of the first PREFETCH_ROWS of them in
   * memory, into the processor's caches. Changes nothing.
   */
  prefetch(keyHashes: Int32Array, from: number, to: number): void;
  /** True when dirty entries in memory have passed their limit: the task yields after the batch until false. */
  readonly isWriteBehindFull: boolean;
  /** Starts writing out and evicting if needed; called between batches. Resolves at once when there is nothing to do. */
  relieve(): Promise<void> | undefined;
  freeze(checkpointId: number): FrozenKeyedState;
  checkpointCompleted(checkpointId: number): void;
  checkpointAborted(checkpointId: number): void;
  readonly entryCount: number;
  /** Estimate of bytes in memory and in the store. */
  readonly stateBytes: number;
  close(): Promise<void>;
}

/** @throws what the restore fails with */
export type Migration = (old: unknown) => unknown;

/** What a backend is opened with: its share of the keys, its bounds, and where state goes that leaves memory. */
export interface KeyedStateBackendOptions {
  readonly keyGroupCount: number;
  readonly keyGroupRange: KeyGroupRange;
  /** Rows in memory whose values are on the heap; with `heapBytesMax`, until the first ones were weighed. */
  readonly cacheEntriesMax: number;
  /** Bytes of the heap for such rows, by an estimate from samples of them. Default: they are only counted. */
  readonly heapBytesMax?: number | undefined;
  /** Bytes in memory of packed rows, and of what stands beside them. Default: 512 MiB. */
  readonly cacheBytesMax?: number | undefined;
  /** Rows whose keys and values are all numbers are bounded by `cacheBytesMax`, too, not by their count. Default: they are counted. */
  readonly areNumbersWeighed?: boolean;
  /** Empty at the start; opened lazily, when something must leave memory. Disposable: never read after a crash. */
  readonly openStore: () => Promise<KeyValueStore>;
  /** Bytes of rows that left memory last, kept outside of the heap before they go to the store. Default: 64 MiB. */
  readonly spillLogBytesMax?: number | undefined;
  readonly codegenId: string;
  readonly log: Logger;
  /** Keys of declared states are walked, for which the store keeps directories of them. Default: they are not. */
  readonly areKeysWalked?: boolean;
  /** State with at most so many entries is written whole by each snapshot. Default: 4,096. */
  readonly wholeSnapshotEntriesMax?: number;
  /** Rows of at least so many bytes stay in the files of a restored checkpoint until they are asked for. Default: 256. */
  readonly leftRowBytesMin?: number;
  /** Lets the task go on between slices of a snapshot's writing. Default: a microtask, which lets only promises go on. */
  readonly yieldToTask?: () => Promise<void>;
  readonly restore?: {
    /** Of all old subtasks; only runs of key groups in the range are read. */
    readonly files: readonly KeyedStateFile[];
    readonly blobStore: BlobStore;
    /** By state: what makes a value, an item or the value of an entry of the current version from one that was restored. */
    readonly migrations?: ReadonlyMap<string, Migration>;
    /** Names of restored states that have another name now: the new one by the old one. Migrations go by new names. */
    readonly renamed?: ReadonlyMap<string, string>;
    /** Declared states; true: it has a TTL. Those that had none, or have lost it, are converted. */
    readonly declared?: ReadonlyMap<string, boolean>;
  };
}
