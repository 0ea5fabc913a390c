// [HOT] Rows that are still where a checkpoint has them: a restore reads and checks all of its files, but decodes only what is asked
// for. What has changed since is in memory, in the log or in the store; what was not asked for takes no memory but its key.
import { crc32 } from 'node:zlib';
import { MillraceError } from '@millrace/common';
import { ByteSink, type RunningChecksums } from '@millrace/proto';
import type { CellCodec } from '../cell/cell-codec.ts';
import { RESTORED } from '../table/row-store.ts';
import type { StampClock } from '../table/stamp-clock.ts';
import type { StoredRow } from '../table/stored-rows.ts';
import { LogIndex } from './log-index.ts';
import type { RestoredFile } from './restored-file.ts';
import { keyGroupOfStoreKey } from './store-keys.ts';
import type { RawStoredRow } from './stored-row-codec.ts';

/** Where the cells of a block's column are: numbers are kept, values stay in the file. */
export type RestoredColumn = Float64Array | RestoredValues;

interface RestoredValues {
  /** Where the first value starts in the file. */
  readonly position: number;
  /** Where each ends, from there. */
  readonly ends: Uint32Array;
  readonly checksums: RunningChecksums;
}

/** Rows of one table and key group that lie together in a file. */
export interface RestoredBlock {
  readonly file: RestoredFile;
  readonly keyGroup: number;
  readonly entryCount: number;
  readonly columns: readonly RestoredColumn[];
}

interface Block {
  readonly file: RestoredFile;
  readonly firstRow: number;
  readonly entryCount: number;
  readonly columns: readonly RestoredColumn[];
}

/** A row as a snapshot takes it over; both are its own. */
export interface RestoredEntry {
  readonly key: Uint8Array;
  readonly raw: RawStoredRow;
}

/** Larger values are read into memory of their own, which nobody keeps. */
const VALUES_KEPT_BYTES_MAX = 1024 * 1024;
/** Of the index of a key group, to begin with. */
const SLOTS_MIN = 16;
const LIVE = 0;
const DIRECTORY_POSITION_NONE = -1;

/**
 * The rows of a restored checkpoint that are nowhere else, of all tables of a backend whose rows are large.
 * Contract: hashes are of whole identities, keys are store keys of rows. Rows are added before the first is asked for.
 * Bounds: about 40 bytes a row beside its key, and an open file for each that has such rows. Threading: the task's thread.
 */
export class RestoredRows {
  /** Bytes of the values that are still current. */
  liveBytes = 0;
  readonly #clock: StampClock;
  /** By key group: the rows of a run, which come one after the other, meet in the processor's caches. */
  readonly #indexes = new Map<number, LogIndex>();
  #indexBytes = 0;
  readonly #files = new Set<RestoredFile>();
  readonly #blocks: Block[] = [];
  readonly #byKeyGroup = new Map<number, Block[]>();
  readonly #keys: ByteSink;
  #keyEnds: Uint32Array;
  #blockOf: Uint32Array;
  /** Stamp at which a row ceased to be current; LIVE: it is. */
  #goneAt: Int32Array;
  #rowCount = 0;
  /** Read from a file. */
  #values: Buffer = Buffer.alloc(4096);

  /** `rowCount`: about as many as will be added. */
  constructor(clock: StampClock, rowCount: number) {
    this.#clock = clock;
    this.#keys = new ByteSink(4096);
    this.#keyEnds = new Uint32Array(rowCount);
    this.#blockOf = new Uint32Array(rowCount);
    this.#goneAt = new Int32Array(rowCount);
  }

  /** Bytes of memory that it takes, about. */
  get bytes(): number {
    return this.#indexBytes + this.#keyEnds.length * 16 + this.#keys.bytes.length;
  }

  /** Begins a block; its rows follow in order, each with `addRow`. */
  addBlock(block: RestoredBlock): (hash: number, key: Buffer) => boolean {
    const { file, keyGroup, entryCount, columns } = block;
    const firstRow = this.#rowCount;
    const own: Block = {
      file,
      firstRow,
      entryCount,
      columns,
    };
    this.#blocks.push(own);
    this.#files.add(file);
    const group = this.#byKeyGroup.get(keyGroup);
    if (group === undefined) this.#byKeyGroup.set(keyGroup, [own]);
    else group.push(own);
    this.#reserve(firstRow + entryCount);
    const blockIndex = this.#blocks.length - 1;
    const index = this.#indexOf(keyGroup);
    return (hash, key) => this.#addRow(blockIndex, index, hash, key);
  }

  /** Returns true when the identity was absent. */
  #addRow(blockIndex: number, index: LogIndex, hash: number, key: Buffer): boolean {
    const row = this.#rowCount++;
    const { file, firstRow, columns } = this.#blocks[blockIndex] as Block;
    this.#keys.raw(key);
    this.#keyEnds[row] = this.#keys.position;
    this.#blockOf[row] = blockIndex;
    this.liveBytes += valueBytesOf(columns, row - firstRow);
    file.liveCount++;
    const slot = this.#slotOf(index, hash, key);
    if (slot < 0) {
      const bytesBefore = index.bytes;
      index.add(hash, row);
      this.#indexBytes += index.bytes - bytesBefore;
      return true;
    }
    this.#endRow(index.addresses[slot] as number);
    index.addresses[slot] = row;
    return false;
  }

  /** The row's values, decoded; undefined: it is not here. @throws {MillraceError} MR_STATE_BACKEND */
  load(hash: number, key: Buffer, cells: CellCodec): StoredRow | undefined {
    const ofGroup = this.#indexes.get(keyGroupOfStoreKey(key));
    const slot = ofGroup === undefined ? -1 : this.#slotOf(ofGroup, hash, key);
    if (ofGroup === undefined || slot < 0) return undefined;
    const row = ofGroup.addresses[slot] as number;
    const block = this.#blocks[this.#blockOf[row] as number] as Block;
    const index = row - block.firstRow;
    const values: unknown[] = [];
    for (const column of block.columns) {
      values.push(
        column instanceof Float64Array
          ? column[index]
          : cells.read(this.#readCell(block.file, column, index)),
      );
    }
    return { values, changed: RESTORED, directoryPosition: DIRECTORY_POSITION_NONE };
  }

  /** The value's bytes as they were when they were restored; valid until the next call. */
  #readCell(file: RestoredFile, { position, ends, checksums }: RestoredValues, index: number): Buffer {
    const { together } = checksums;
    const group = Math.floor(index / together);
    const first = group * together;
    const from = startOf(ends, first);
    const length = (ends[Math.min(first + together, ends.length) - 1] as number) - from;
    const values = this.#roomFor(length);
    file.readSync(values, position + from);
    if (!isIntact(checksums, group, values)) throw damaged(file);
    return values.subarray(startOf(ends, index) - from, (ends[index] as number) - from);
  }

  /** Valid until the next call. */
  #roomFor(length: number): Buffer {
    if (length > VALUES_KEPT_BYTES_MAX) return Buffer.allocUnsafeSlow(length);
    if (this.#values.length < length)
      this.#values = Buffer.allocUnsafeSlow(Math.min(length * 2, VALUES_KEPT_BYTES_MAX));
    return this.#values.subarray(0, length);
  }

  /** Something newer, or nothing, takes the place of an identity from now on. Returns false when it was not here. */
  forget(hash: number, key: Buffer): boolean {
    const index = this.#indexes.get(keyGroupOfStoreKey(key));
    const slot = index === undefined ? -1 : this.#slotOf(index, hash, key);
    if (index === undefined || slot < 0) return false;
    const row = index.addresses[slot] as number;
    index.removeSlot(slot);
    this.#endRow(row);
    return true;
  }

  /** Rows of a key group that were current when the stamp was `stamp`. @throws {MillraceError} MR_STATE_BACKEND */
  async rowsAt(keyGroup: number, stamp: number): Promise<readonly RestoredEntry[]> {
    const entries: RestoredEntry[] = [];
    for (const block of this.#byKeyGroup.get(keyGroup) ?? []) {
      const { file, columns, firstRow, entryCount } = block;
      if (!this.#hasRowAt(block, stamp)) continue;
      const regions: (Float64Array | Buffer)[] = [];
      for (const column of columns) {
        if (column instanceof Float64Array) {
          regions.push(column);
          continue;
        }
        const region = Buffer.allocUnsafeSlow(column.ends[entryCount - 1] as number);
        await file.read(region, column.position);
        if (!areIntact(column, region)) throw damaged(file);
        regions.push(region);
      }
      for (let row = firstRow; row < firstRow + entryCount; row++)
        if (this.#isLiveAt(row, stamp)) entries.push(this.#entry(block, row, regions));
    }
    return entries;
  }

  /** Closes files of which no snapshot from the one confirmed on needs a row. */
  closeUnneeded(confirmed: number): void {
    for (const file of this.#files) {
      if (file.liveCount > 0 || file.lastGone > confirmed) continue;
      this.#files.delete(file);
      void file.reader.close();
    }
  }

  async close(): Promise<void> {
    const files = [...this.#files];
    this.#files.clear();
    await Promise.all(files.map((file) => file.reader.close()));
  }

  #entry(block: Block, row: number, regions: readonly (Float64Array | Buffer)[]): RestoredEntry {
    const index = row - block.firstRow;
    const cells = block.columns.map((column, at) => {
      if (column instanceof Float64Array) return column[index] as number;
      return (regions[at] as Buffer).subarray(startOf(column.ends, index), column.ends[index]);
    });
    return {
      key: this.#keys.bytes.subarray(startOf(this.#keyEnds, row), this.#keyEnds[row]),
      raw: { changed: RESTORED, directoryPosition: DIRECTORY_POSITION_NONE, cells },
    };
  }

  #endRow(row: number): void {
    const { file, firstRow, columns } = this.#blocks[this.#blockOf[row] as number] as Block;
    const stamp = this.#clock.current;
    this.#goneAt[row] = stamp;
    file.liveCount--;
    file.lastGone = stamp;
    this.liveBytes -= valueBytesOf(columns, row - firstRow);
  }

  #hasRowAt({ firstRow, entryCount }: Block, stamp: number): boolean {
    for (let row = firstRow; row < firstRow + entryCount; row++) if (this.#isLiveAt(row, stamp)) return true;
    return false;
  }

  #isLiveAt(row: number, stamp: number): boolean {
    const goneAt = this.#goneAt[row] as number;
    return goneAt === LIVE || goneAt > stamp;
  }

  #reserve(count: number): void {
    if (count <= this.#keyEnds.length) return;
    const capacity = Math.max(count, this.#keyEnds.length * 2);
    this.#keyEnds = grown(this.#keyEnds, new Uint32Array(capacity));
    this.#blockOf = grown(this.#blockOf, new Uint32Array(capacity));
    this.#goneAt = grown(this.#goneAt, new Int32Array(capacity));
  }

  #indexOf(keyGroup: number): LogIndex {
    let index = this.#indexes.get(keyGroup);
    if (index === undefined) {
      index = new LogIndex(SLOTS_MIN);
      this.#indexes.set(keyGroup, index);
      this.#indexBytes += index.bytes;
    }
    return index;
  }

  #slotOf(index: LogIndex, hash: number, key: Buffer): number {
    const { addresses, hashes, mask } = index;
    let slot = index.homeOf(hash);
    for (;;) {
      const row = addresses[slot] as number;
      if (row < 0) return -1;
      if (hashes[slot] === hash && this.#hasKey(row, key)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #hasKey(row: number, key: Buffer): boolean {
    const end = this.#keyEnds[row] as number;
    if (end - startOf(this.#keyEnds, row) !== key.length) return false;
    const { bytes } = this.#keys;
    for (let index = key.length - 1, at = end - 1; index >= 0; index--, at--)
      if (bytes[at] !== key[index]) return false;
    return true;
  }
}

function isIntact({ start, ends }: RunningChecksums, group: number, values: Buffer): boolean {
  return crc32(values, group === 0 ? start : ends[group - 1]) === ends[group];
}

/** Whether all values of a block's column are what was restored. */
function areIntact({ checksums: { start, ends } }: RestoredValues, values: Buffer): boolean {
  return crc32(values, start) === ends.at(-1);
}

function valueBytesOf(columns: readonly RestoredColumn[], index: number): number {
  let bytes = 0;
  for (let at = 0; at < columns.length; at++) {
    const column = columns[at] as RestoredColumn;
    if (!(column instanceof Float64Array))
      bytes += (column.ends[index] as number) - startOf(column.ends, index);
  }
  return bytes;
}

function startOf(ends: Uint32Array, index: number): number {
  return index === 0 ? 0 : (ends[index - 1] as number);
}

function grown<A extends Uint32Array | Int32Array>(from: A, to: A): A {
  to.set(from);
  return to;
}

function damaged(file: RestoredFile): MillraceError {
  return new MillraceError(
    'MR_STATE_BACKEND',
    `Cannot read a restored row from "${file.name}": its checksum does not match`,
    { details: { file: file.name } },
  );
}
