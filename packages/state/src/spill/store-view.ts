// What the store held at a freeze: rows of key groups that are written whole, changes of the others, less what was in memory
// or removed by then.
import { MillraceError, type KeyValueOperation } from '@millrace/common';
import {
  ByteSink,
  RUN_BLOCK_ENTRIES_MAX,
  writeKeyedBlockV1,
  type KeyedRunColumnV1,
  type PackedBytes,
} from '@millrace/proto';
import type { StateTable } from '../backend/table-registry.ts';
import type { FrozenPartition } from '../snapshot/frozen-partition.ts';
import type { FrozenStore, StoreWriteTarget } from '../snapshot/frozen-store.ts';
import { KeyedTable } from '../table/keyed-table.ts';
import type { GroupedLog, HeldLog, LoggedRows } from './held-log.ts';
import { isExpired } from '../ttl/state-ttl.ts';
import { readChanges } from './change-chunks.ts';
import { KeyGroupScan } from './key-group-scan.ts';
import type { RestoredEntry, RestoredRows } from './restored-rows.ts';
import {
  CHANGE_TAG,
  keyGroupBounds,
  copyPart,
  keyGroupOfStoreKey,
  endOfSubkey,
  generationOfStoreKey,
  hashOfStoreKey,
  partsOfStoreKey,
  namespaceOfStoreKey,
  ROW_TAG,
  tableIdOfStoreKey,
  writeIdentity,
} from './store-keys.ts';
import {
  readRawLoggedRow,
  readRawStoredRow,
  stampOfLoggedRow,
  type RawStoredRow,
} from './stored-row-codec.ts';
import type { WriteBehind } from './write-behind.ts';

/** Key groups that are written whole and those of which changes are; ranges are half open. */
export interface StoreViewOptions {
  readonly baseFrom: number;
  readonly baseTo: number;
  readonly firstKeyGroup: number;
  readonly endKeyGroup: number;
  readonly confirmed: number;
  readonly keyGroupCount: number;
  readonly tables: readonly StateTable[];
  readonly writeBehind: WriteBehind;
  /** The spill log at the freeze. */
  readonly log: HeldLog;
  /** What was left in the files of the checkpoint restored. */
  readonly restored: RestoredRows | undefined;
  /** Of the freeze. */
  readonly stamp: number;
  readonly yieldToTask: () => Promise<void>;
}

/** By store key of a row. */
interface FoundRow {
  readonly key: Uint8Array;
  readonly raw: RawStoredRow;
}

/** The store key of a row, and what left memory of it. */
type Change = readonly [key: Uint8Array, value: Buffer];

/** The store at a freeze, read while the task goes on. */
export class StoreView implements FrozenStore {
  readonly #options: StoreViewOptions;
  readonly #rowScan: KeyGroupScan | undefined;
  readonly #changeScan: KeyGroupScan | undefined;
  readonly #overlay: ReadonlyMap<string, KeyValueOperation>;
  /** Chunks of changes in it by key group. Rows on their way are in the log. */
  readonly #overlayGroups = new Map<number, (readonly [key: Uint8Array, value: Uint8Array])[]>();
  /** By table number: the life of each namespace; undefined for pair tables, which have no namespaces. */
  readonly #generations: readonly (ReadonlyMap<number, number> | undefined)[];
  /** By table number: what time it was for rows with a TTL. Event time goes on while this is read, and is back here after a restore. */
  readonly #expiryMs: readonly (number | undefined)[];
  readonly #obsolete: Buffer[] = [];
  readonly #scratch = new ByteSink();
  #logged: GroupedLog | undefined;
  #isClosed = false;

  constructor(options: StoreViewOptions) {
    this.#options = options;
    const { writeBehind, baseFrom, baseTo, firstKeyGroup, endKeyGroup } = options;
    const { store } = writeBehind;
    if (store !== undefined) {
      if (baseTo > baseFrom)
        this.#rowScan = new KeyGroupScan(store, keyGroupBounds(ROW_TAG, baseFrom, baseTo));
      this.#changeScan = new KeyGroupScan(store, keyGroupBounds(CHANGE_TAG, firstKeyGroup, endKeyGroup));
    }
    this.#overlay = writeBehind.overlay();
    for (const operation of this.#overlay.values()) {
      if (operation.type !== 'put') continue;
      if (operation.key[0] !== CHANGE_TAG) continue;
      const group = keyGroupOfStoreKey(operation.key);
      const entry = [operation.key, operation.value] as const;
      const entries = this.#overlayGroups.get(group);
      if (entries === undefined) this.#overlayGroups.set(group, [entry]);
      else entries.push(entry);
    }
    this.#generations = options.tables.map((table) =>
      table instanceof KeyedTable
        ? new Map([...table.slices.values()].map((slice) => [slice.namespace, slice.generation]))
        : undefined,
    );
    this.#expiryMs = options.tables.map(({ expires }) => expires?.ttl.clock.nowMs());
  }

  async write(at: StoreWriteTarget, partitions: readonly FrozenPartition[]): Promise<number> {
    const { keyGroup, isBase } = at;
    const chunks = await this.#chunks(keyGroup);
    const rows = isBase ? ((await this.#rowScan?.read(keyGroup)) ?? []) : [];
    const restored = isBase ? await this.#restoredRows(keyGroup) : [];
    if (this.#isClosed)
      throw new MillraceError('MR_CANCELLED', 'The snapshot was given up while it was written');
    const changes = chunks.flatMap(([key, chunk]) => this.#unconfirmed(key, chunk));
    const logged = (await this.#groupedLog()).newest(keyGroup);
    const hasRows = rows.length > 0 || restored.length > 0;
    if (!hasRows && logged.size === 0 && (isBase || changes.length === 0)) return 0;
    const hidden = this.#namesInMemory(partitions, keyGroup);
    const found = isBase
      ? this.#liveRows({ rows, restored }, logged, hidden)
      : this.#liveChanges(changes, logged, hidden, this.#removalStamps(partitions, keyGroup));
    let count = 0;
    for (const [tableId, entries] of found) {
      for (let start = 0; start < entries.length; start += RUN_BLOCK_ENTRIES_MAX) {
        this.#writePuts(at.sink, tableId, entries.slice(start, start + RUN_BLOCK_ENTRIES_MAX));
      }
      count += entries.length;
    }
    return count;
  }

  finish(): void {
    for (const key of this.#obsolete) this.#options.writeBehind.delete(key);
  }

  close(): void {
    this.#isClosed = true;
    this.#rowScan?.close();
    this.#changeScan?.close();
  }

  async #groupedLog(): Promise<GroupedLog> {
    const { log, yieldToTask } = this.#options;
    this.#logged ??= await log.byKeyGroup(this.#options, yieldToTask);
    return this.#logged;
  }

  /** Those scanned, then those on their way, which may have been scanned as well. */
  async #chunks(keyGroup: number) {
    const scanned = (await this.#changeScan?.read(keyGroup)) ?? [];
    const overlaid = this.#overlayGroups.get(keyGroup) ?? [];
    return [...scanned.filter(([key]) => !this.#overlay.has(nameOf(key, 0))), ...overlaid];
  }

  /** Less changes that a completed checkpoint has, or of a namespace's earlier life; chunks of nothing else are obsolete. */
  #unconfirmed(key: Uint8Array, chunk: Uint8Array): readonly Change[] {
    const changes = readChanges(chunk).filter(
      ([rowKey, value]) => stampOfLoggedRow(value) > this.#options.confirmed && this.#isAlive(rowKey),
    );
    if (changes.length === 0) this.#obsolete.push(Buffer.from(key));
    return changes;
  }

  #restoredRows(keyGroup: number): Promise<readonly RestoredEntry[]> | readonly RestoredEntry[] {
    const { restored, stamp } = this.#options;
    return restored?.rowsAt(keyGroup, stamp) ?? [];
  }

  #liveRows(
    of: {
      readonly rows: readonly (readonly [Uint8Array, Uint8Array])[];
      readonly restored: readonly RestoredEntry[];
    },
    logged: LoggedRows,
    hidden: ReadonlySet<string>,
  ): Map<number, FoundRow[]> {
    const found = new Map<number, FoundRow[]>();
    for (const entry of of.restored) {
      // What the log or the store has is not here any more.
      if (hidden.has(nameOf(entry.key, 1)) || !this.#isAlive(entry.key)) continue;
      if (!this.#isOver(entry.key, entry.raw)) addFound(found, entry);
    }
    for (const [key, value] of of.rows) {
      const name = nameOf(key, 1);
      if (hidden.has(name) || logged.has(name) || !this.#isAlive(key)) continue;
      const raw = readRawStoredRow(value);
      if (!this.#isOver(key, raw)) addFound(found, { key, raw });
    }
    for (const [name, entry] of logged) {
      if (entry.value === undefined || hidden.has(name) || !this.#isAlive(entry.key)) continue;
      const raw = readRawLoggedRow(entry.value);
      if (!this.#isOver(entry.key, raw)) addFound(found, { key: entry.key, raw });
    }
    return found;
  }

  #isOver(key: Uint8Array, { cells }: RawStoredRow): boolean {
    const tableId = tableIdOfStoreKey(key);
    const expires = this.#options.tables[tableId]?.expires;
    return (
      expires !== undefined &&
      isExpired(expires.ttl, cells[expires.column] as number, this.#expiryMs[tableId])
    );
  }

  /** Removed rows have tombstones; those of the log say nothing. */
  #liveChanges(
    changes: readonly Change[],
    logged: LoggedRows,
    hidden: ReadonlySet<string>,
    removedAt: ReadonlyMap<string, number>,
  ): Map<number, FoundRow[]> {
    const { confirmed } = this.#options;
    const newest = new Map<string, { stamp: number; row: () => FoundRow }>();
    const offer = (name: string, stamp: number, row: () => FoundRow) => {
      if (stamp <= confirmed || hidden.has(name) || (removedAt.get(name) ?? -1) > stamp) return;
      const other = newest.get(name);
      if (other === undefined || other.stamp < stamp) newest.set(name, { stamp, row });
    };
    for (const [key, value] of changes) {
      offer(nameOf(key, 1), stampOfLoggedRow(value), () => ({ key, raw: readRawLoggedRow(value) }));
    }
    for (const [name, { key, value }] of logged) {
      if (value === undefined || !this.#isAlive(key)) continue;
      offer(name, stampOfLoggedRow(value), () => ({ key, raw: readRawLoggedRow(value) }));
    }
    const found = new Map<number, FoundRow[]>();
    for (const { row } of newest.values()) addFound(found, row());
    return found;
  }

  #isAlive(key: Uint8Array): boolean {
    const tableId = tableIdOfStoreKey(key);
    const generations = this.#generations[tableId];
    if (generations === undefined) return true;
    const hasSubkey = (this.#options.tables[tableId] as StateTable).subkeyKind !== 'none';
    return generations.get(hasSubkey ? namespaceOfStoreKey(key) : 0) === generationOfStoreKey(key);
  }

  #namesInMemory(partitions: readonly FrozenPartition[], keyGroup: number): Set<string> {
    const names = new Set<string>();
    partitions.forEach((partition, tableId) => {
      partition.forEachRow(keyGroup, (hash, key, subkey) => {
        names.add(this.#nameOfIdentity(tableId, hash, key, subkey));
      });
    });
    return names;
  }

  #removalStamps(partitions: readonly FrozenPartition[], keyGroup: number): Map<string, number> {
    const stamps = new Map<string, number>();
    partitions.forEach((partition, tableId) => {
      for (const removal of partition.removalsOf(keyGroup)) {
        stamps.set(this.#nameOfIdentity(tableId, removal.hash, removal.key, removal.subkey), removal.stamp);
      }
    });
    return stamps;
  }

  #nameOfIdentity(tableId: number, hash: number, key: unknown, subkey: unknown): string {
    const generation = this.#generations[tableId]?.get((subkey ?? 0) as number) ?? 0;
    this.#scratch.reset();
    const { keyGroupCount } = this.#options;
    writeIdentity(this.#scratch, { keyGroupCount, tableId }, { hash, key, subkey, generation });
    return this.#scratch.view().toString('latin1');
  }

  #writePuts(sink: ByteSink, tableId: number, rows: readonly FoundRow[]): void {
    const table = this.#options.tables[tableId] as StateTable;
    const hasSubkeys = table.subkeyKind !== 'none';
    const keyStarts = rows.map(({ key }) => (hasSubkeys ? endOfSubkey(key) : partsOfStoreKey(key)));
    writeKeyedBlockV1(sink, {
      kind: 'puts',
      table: table.name,
      subkeyKind: table.subkeyKind,
      entryCount: rows.length,
      hashes: Int32Array.from(rows, ({ key }) => hashOfStoreKey(key)),
      keys: this.#pack(rows, (target, { key }, index) => copyPart(target, key, keyStarts[index] as number)),
      subkeys: hasSubkeys
        ? this.#pack(rows, (target, { key }, index) =>
            copyPart(target, key, partsOfStoreKey(key), keyStarts[index]),
          )
        : undefined,
      columns: table.rows.columnKinds.map((kind, column) =>
        this.#packColumn(table, rows, kind === 'f64', column),
      ),
    });
  }

  #packColumn(
    table: StateTable,
    rows: readonly FoundRow[],
    isF64: boolean,
    column: number,
  ): KeyedRunColumnV1 {
    // A column that is still of numbers never held anything else.
    if (isF64) return Float64Array.from(rows, ({ raw }) => raw.cells[column] as number);
    return this.#pack(rows, (target, { raw }) => {
      const cell = raw.cells[column] as number | Uint8Array;
      if (typeof cell === 'number') table.cells.write(target, cell);
      else target.raw(cell);
    });
  }

  #pack(
    rows: readonly FoundRow[],
    write: (sink: ByteSink, row: FoundRow, index: number) => void,
  ): PackedBytes {
    const target = new ByteSink();
    const ends = new Uint32Array(rows.length);
    rows.forEach((row, index) => {
      write(target, row, index);
      ends[index] = target.position;
    });
    return { ends, bytes: target.copy() };
  }
}

function addFound(found: Map<number, FoundRow[]>, row: FoundRow): void {
  const tableId = tableIdOfStoreKey(row.key);
  const rows = found.get(tableId);
  if (rows === undefined) found.set(tableId, [row]);
  else rows.push(row);
}

/** A key's bytes as text, less those at its start. */
function nameOf(key: Uint8Array, skipped: number): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1', skipped);
}
