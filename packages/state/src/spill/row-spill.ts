// [HOT] Rows that left memory: the newest in a log, older ones in the store. One for all tables of a backend.
import type { CellCodec } from '../cell/cell-codec.ts';
import type { StampClock } from '../table/stamp-clock.ts';
import type { StoredRow } from '../table/stored-rows.ts';
import { BloomFilter } from './bloom-filter.ts';
import { ChangeChunks } from './change-chunks.ts';
import type { RestoredRows } from './restored-rows.ts';
import { SpillLog, type SpillLogOptions } from './spill-log.ts';
import { seal } from './store-checksum.ts';
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
  readonly #changes: ChangeChunks;
  readonly #clock: StampClock;

  constructor(options: {
    readonly writeBehind: WriteBehind;
    readonly log: SpillLogOptions;
    readonly clock: StampClock;
  }) {
    this.writeBehind = options.writeBehind;
    this.#clock = options.clock;
    this.#changes = new ChangeChunks(options.writeBehind);
    this.log = new SpillLog(options.log, {
      entry: (hash, key, value) => this.#moveToStore(hash, key, value),
      end: (release) => this.writeBehind.whenWritten(release),
    });
  }

  /** Bytes of the log, of the filter, of changes, and of what is known of restored rows. */
  get bytes(): number {
    return this.log.bytes + this.#filter.bytes + this.#changes.bytes + (this.restored?.bytes ?? 0);
  }

  /** So that a view of the store has all changes. */
  flushChanges(): void {
    this.#changes.flush();
  }

  load(hash: number, key: Buffer, cells: CellCodec): StoredRow | undefined {
    const { log } = this;
    const found = log.find(hash, key);
    if (found > 0) return readStoredRowAt(log.foundBytes, log.foundStart, cells);
    if (found === 0) return undefined;
    const bytes = this.#filter.mayHave(hash) ? this.writeBehind.store?.getSync(key) : undefined;
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
      if (this.#filter.mayHave(hash)) this.writeBehind.append({ type: 'del', key });
      return;
    }
    seal(value);
    this.writeBehind.append({ type: 'put', key, value });
    this.#filter.add(hash);
    const stamp = stampOfStoredRow(value);
    // No completed snapshot has this value: the next delta finds it as a change, without looking at all of the store.
    if (this.#clock.lastFrozen === 0 || stamp <= this.#clock.confirmed) return;
    this.#changes.add(key, value);
  }
}
