// [HOT] Rows that left memory: the newest in a log, older ones in the store. One for all tables of a backend.
import { crc32 } from 'node:zlib';
import type { CellCodec } from '../cell/cell-codec.ts';
import type { StampClock } from '../table/stamp-clock.ts';
import type { StoredRow } from '../table/stored-rows.ts';
import { BloomFilter } from './bloom-filter.ts';
import type { RestoredRows } from './restored-rows.ts';
import { SpillLog } from './spill-log.ts';
import { CHANGE_TAG } from './store-keys.ts';
import { readStoredRow, readStoredRowAt, stampOfStoredRow } from './stored-row-codec.ts';
import type { WriteBehind } from './write-behind.ts';

/** Hashes are of whole identities; keys are store keys of rows, valid until the call returns. */
export class RowSpill {
  readonly log: SpillLog;
  readonly writeBehind: WriteBehind;
  /** What is still where a checkpoint has it; undefined: nothing. */
  restored: RestoredRows | undefined = undefined;
  /** What the store may have. */
  readonly #filter = new BloomFilter();
  readonly #clock: StampClock;

  constructor(options: {
    readonly writeBehind: WriteBehind;
    readonly logBytesMax: number;
    readonly clock: StampClock;
  }) {
    this.writeBehind = options.writeBehind;
    this.#clock = options.clock;
    this.log = new SpillLog(options.logBytesMax, (hash, key, value) => this.#moveToStore(hash, key, value));
  }

  /** Bytes of the log, of the filter, and of what is known of restored rows. */
  get bytes(): number {
    return this.log.bytes + this.#filter.bytes + (this.restored?.bytes ?? 0);
  }

  load(hash: number, key: Buffer, cells: CellCodec): StoredRow | undefined {
    const { log } = this;
    const found = log.find(hash, key);
    if (found > 0) return readStoredRowAt(log.foundBytes, log.foundStart, cells);
    if (found === 0) return undefined;
    const bytes = this.#filter.mayHave(hash) ? this.writeBehind.get(key) : undefined;
    if (bytes !== undefined) return readStoredRow(bytes, cells);
    return this.restored?.load(hash, key, cells);
  }

  delete(hash: number, key: Buffer): void {
    this.restored?.forget(hash, key);
    this.log.begin(hash, key);
    this.log.end();
  }

  #moveToStore(hash: number, key: Buffer, value: Buffer | undefined): void {
    if (value === undefined) {
      if (this.#filter.mayHave(hash)) this.writeBehind.delete(key);
      return;
    }
    value.writeUInt32LE(crc32(value.subarray(4)), 0);
    this.writeBehind.put(key, value);
    this.#filter.add(hash);
    const stamp = stampOfStoredRow(value);
    // No completed snapshot has this value: the next delta finds it as a change, without looking at all of the store.
    if (this.#clock.lastFrozen === 0 || stamp <= this.#clock.confirmed) return;
    const changeKey = Buffer.allocUnsafe(key.length + 4);
    changeKey.set(key);
    changeKey[0] = CHANGE_TAG;
    changeKey.writeInt32BE(stamp, key.length);
    this.writeBehind.put(changeKey, value);
  }
}
