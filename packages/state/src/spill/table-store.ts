// [HOT] Rows of one table in the store: encodes them, keeps directories of namespaces.
import { ByteSink, ByteSource, readKeyV1, writeKeyV1 } from '@millrace/proto';
import type { StateTable } from '../backend/table-registry.ts';
import { PREFETCH_ROWS } from '../table/row-prefetch.ts';
import { DIRECTORY_CHUNK_ENTRIES } from '../table/slice-cursor.ts';
import type {
  RowIdentity,
  StoredDirectory,
  StoredRow,
  StoredRows,
  WalkedDirectory,
} from '../table/stored-rows.ts';
import type { RestoredBlock, RestoredRows } from './restored-rows.ts';
import type { RowSpill } from './row-spill.ts';
import { spillHashOfKey } from './spill-hash.ts';
import { checkSealed, CHECKSUM_BYTES, seal } from './store-checksum.ts';
import { ROW_TAG, writeChunkKey, writeIdentity } from './store-keys.ts';
import { writeLoggedRow } from './stored-row-codec.ts';
import type { WriteBehind } from './write-behind.ts';

type DirectoryEntry = readonly [key: unknown, hash: number];

class Directory {
  entryCount = 0;
  tail: DirectoryEntry[] = [];
  /** Positions of rows that were removed. */
  readonly free: number[] = [];
}

/** The directory of a table whose keys are walked outlives its namespace, which empties and comes back. */
const WALKED_GENERATION = 0;

/** A namespace whose rows the store may still have. */
interface DroppedDirectory {
  readonly namespace: number;
  readonly generation: number;
  readonly directory: Directory;
  nextChunk: number;
}

/** Of identities that are looked at. */
const hashes = new Int32Array(PREFETCH_ROWS);
/** What was seen, so that nobody finds the looks needless. */
let seen = 0;

/** True for tables of which the store must know what it has: their rows are walked. */
export function hasDirectories({ name, isWalked }: StateTable): boolean {
  return !name.startsWith('~') || isWalked || name.startsWith('~ttl-span/');
}

/** One table's rows that are not in memory. */
export class TableStore implements StoredRows {
  awayCount = 0;
  /** Bytes of the rows written, all of them ever. */
  writtenBytes = 0;
  writtenCount = 0;
  readonly #table: StateTable;
  readonly #at: { readonly keyGroupCount: number; readonly tableId: number };
  readonly #writeBehind: WriteBehind;
  readonly #spill: RowSpill;
  readonly #scratch = new ByteSink();
  /** By generation; undefined: nobody iterates this table. */
  readonly #directories: Map<number, Directory> | undefined;
  readonly #dropped: DroppedDirectory[] = [];
  /** While a walk is open no position gets another row. */
  #openWalks = 0;

  constructor(
    table: StateTable,
    at: { readonly keyGroupCount: number; readonly tableId: number },
    spill: RowSpill,
  ) {
    this.#table = table;
    this.#at = at;
    this.#writeBehind = spill.writeBehind;
    this.#spill = spill;
    this.#directories = hasDirectories(table) ? new Map() : undefined;
  }

  get hasDropped(): boolean {
    return this.#dropped.length > 0;
  }

  lookAhead(keyHashes: Int32Array, from: number, to: number): void {
    const count = Math.min(PREFETCH_ROWS, to - from);
    for (let index = 0; index < count; index++)
      hashes[index] = spillHashOfKey(this.#at.tableId, keyHashes[from + index] as number);
    seen = (seen + this.#spill.log.lookAhead(hashes, count)) | 0;
  }

  load(identity: RowIdentity): StoredRow | undefined {
    const key = this.#rowKey(identity);
    return this.#spill.load(this.#spill.hashOf(key), key, this.#table.cells);
  }

  delete(identity: RowIdentity): void {
    const key = this.#rowKey(identity);
    this.#spill.delete(this.#spill.hashOf(key), key);
  }

  /** Leaves rows where a checkpoint has them; returns how many identities are new. */
  addRestored(
    restored: RestoredRows,
    block: RestoredBlock,
    identityAt: (index: number) => RowIdentity,
  ): number {
    const addRow = restored.addBlock(block);
    let added = 0;
    for (let index = 0; index < block.entryCount; index++) {
      const key = this.#rowKey(identityAt(index));
      if (addRow(this.#spill.hashOf(key), key.view())) added++;
    }
    return added;
  }

  /** A newer snapshot of those restored has removed a row. False: it was not there. */
  removeRestored(restored: RestoredRows, identity: RowIdentity): boolean {
    const key = this.#rowKey(identity);
    return restored.forget(this.#spill.hashOf(key), key.view());
  }

  /** Writes a row that is about to leave memory. */
  store(row: number, identity: RowIdentity): void {
    const { rows } = this.#table;
    if (this.#directories !== undefined && (rows.directoryPositions[row] as number) < 0) {
      rows.directoryPositions[row] = this.#addToDirectory(identity);
    }
    const { log } = this.#spill;
    const key = this.#rowKey(identity);
    const hash = this.#spill.hashOf(key);
    this.#spill.restored?.forget(hash, key.view());
    log.begin(hash, key);
    const { sink } = log;
    const valueStart = sink.position;
    writeLoggedRow(sink, rows, row, this.#table.cells);
    this.writtenBytes += key.position + sink.position - valueStart;
    this.writtenCount++;
    log.end();
  }

  directoryOf(_namespace: number, generation: number): StoredDirectory | undefined {
    const directory = this.#directories?.get(generation);
    if (directory === undefined) return undefined;
    return {
      entryCount: directory.entryCount,
      readChunk: (chunk) => this.#readChunk(directory, generation, chunk),
    };
  }

  openWalk(): WalkedDirectory | undefined {
    const directory = this.#directories?.get(WALKED_GENERATION);
    if (directory === undefined) return undefined;
    this.#openWalks++;
    return {
      entryCount: directory.entryCount,
      readChunk: (chunk) => this.#readChunk(directory, WALKED_GENERATION, chunk),
      close: () => this.#openWalks--,
    };
  }

  freePosition(position: number): void {
    if (position >= 0) this.#directories?.get(WALKED_GENERATION)?.free.push(position);
  }

  dropNamespace(namespace: number, generation: number): void {
    const directory = this.#directories?.get(generation);
    if (directory === undefined) return;
    this.#directories?.delete(generation);
    this.#dropped.push({ namespace, generation, directory, nextChunk: 0 });
  }

  /** Deletes rows of dropped namespaces, a chunk of at most DIRECTORY_CHUNK_ENTRIES. */
  deleteSomeDropped(): void {
    const dropped = this.#dropped[0];
    if (dropped === undefined) return;
    const { namespace, generation, directory } = dropped;
    const subkey = this.#table.subkeyKind === 'none' ? undefined : namespace;
    const chunk = dropped.nextChunk++;
    for (const [key, hash] of this.#readChunk(directory, generation, chunk)) {
      this.delete({ key, hash, subkey, generation });
    }
    const isLast = (chunk + 1) * DIRECTORY_CHUNK_ENTRIES >= directory.entryCount;
    if (isLast) this.#dropped.shift();
    if (directory.entryCount - directory.tail.length > chunk * DIRECTORY_CHUNK_ENTRIES) {
      this.#writeBehind.delete(Buffer.from(this.#chunkKey(generation, chunk)));
    }
  }

  #addToDirectory(identity: RowIdentity): number {
    const directories = this.#directories as Map<number, Directory>;
    const generation = this.#table.isWalked ? WALKED_GENERATION : identity.generation;
    let directory = directories.get(generation);
    if (directory === undefined) {
      directory = new Directory();
      directories.set(generation, directory);
    }
    const entry = [identity.key, identity.hash] as const;
    const free = this.#openWalks === 0 ? directory.free.pop() : undefined;
    if (free !== undefined) return this.#replace(directory, free, entry);
    const position = directory.entryCount++;
    directory.tail.push(entry);
    if (directory.tail.length === DIRECTORY_CHUNK_ENTRIES) {
      this.#writeChunk(generation, Math.floor(position / DIRECTORY_CHUNK_ENTRIES), directory.tail);
      directory.tail = [];
    }
    return position;
  }

  /** So that keys which come and go leave no directory behind that grows with time. */
  #replace(directory: Directory, position: number, entry: DirectoryEntry): number {
    const offset = position % DIRECTORY_CHUNK_ENTRIES;
    const chunk = (position - offset) / DIRECTORY_CHUNK_ENTRIES;
    if (position >= directory.entryCount - directory.tail.length) directory.tail[offset] = entry;
    else {
      const entries = [...this.#readChunk(directory, WALKED_GENERATION, chunk)];
      entries[offset] = entry;
      this.#writeChunk(WALKED_GENERATION, chunk, entries);
    }
    return position;
  }

  #writeChunk(generation: number, chunk: number, entries: readonly DirectoryEntry[]): void {
    const sink = new ByteSink();
    for (const [key, hash] of entries) {
      sink.u32(hash);
      writeKeyV1(sink, key);
    }
    seal(sink);
    this.#writeBehind.put(Buffer.from(this.#chunkKey(generation, chunk)), sink.copy());
  }

  #readChunk(directory: Directory, generation: number, chunk: number): readonly DirectoryEntry[] {
    const flushed = directory.entryCount - directory.tail.length;
    if (chunk * DIRECTORY_CHUNK_ENTRIES >= flushed) return directory.tail;
    const bytes = this.#writeBehind.get(this.#chunkKey(generation, chunk));
    const entries: DirectoryEntry[] = [];
    if (bytes === undefined) return entries;
    checkSealed(bytes, 'keys');
    const source = new ByteSource(bytes, 0, bytes.length - CHECKSUM_BYTES);
    while (source.position < source.end) {
      const hash = source.u32() | 0;
      entries.push([readKeyV1(source), hash]);
    }
    return entries;
  }

  /** Valid until the next call. */
  #rowKey(identity: RowIdentity): ByteSink {
    const scratch = this.#scratch;
    scratch.reset();
    scratch.u8(ROW_TAG);
    writeIdentity(scratch, this.#at, identity);
    return scratch;
  }

  #chunkKey(generation: number, chunk: number): Buffer {
    this.#scratch.reset();
    writeChunkKey(this.#scratch, this.#at.tableId, generation, chunk);
    return this.#scratch.view();
  }
}
