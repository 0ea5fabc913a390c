// [HOT] Rows that left memory: the newest in a log, older ones in the store. One for all tables of a backend.
import { ByteSink } from '@millrace/proto';
import type { CellCodec } from '../cell/cell-codec.ts';
import type { StampClock } from '../table/stamp-clock.ts';
import type { StoredRow } from '../table/stored-rows.ts';
import { BloomFilter } from './bloom-filter.ts';
import { ChangeChunks } from './change-chunks.ts';
import type { RestoredRows } from './restored-rows.ts';
import { SpillLog, type SpillLogOptions } from './spill-log.ts';
import { CHECKSUM_BYTES, seal } from './store-checksum.ts';
import { spillHashOfStoreKey } from './spill-hash.ts';
import { ROW_TAG } from './store-keys.ts';
import { readLoggedRowAt, readStoredRow, stampOfLoggedRow } from './stored-row-codec.ts';
import type { WriteBehind } from './write-behind.ts';

/** Room that is made for the next segment at once: one was as large, most likely. */
const LEAVING_BYTES_KEPT_MAX = 512 * 1024;
/** Numbers that say where one entry on its way to the store starts and ends: see `#leaving`. */
const PLACES_PER_ENTRY = 3;

/** Hashes are of whole identities; keys are store keys of rows, at the beginning of a sink, valid until the call returns. */
export class RowSpill {
  readonly log: SpillLog;
  readonly writeBehind: WriteBehind;
  /** What is still where a checkpoint has it; undefined: nothing. */
  restored: RestoredRows | undefined = undefined;
  /** What the store may have. */
  readonly #filter = new BloomFilter();
  readonly #changes: ChangeChunks;
  readonly #clock: StampClock;
  /** Keys and values of a segment that leaves the log, as the store gets them. */
  #leaving = new ByteSink();
  /** Of each: where its key starts, where its value does, and where that ends; as much as the start: it was deleted. */
  readonly #places: number[] = [];

  constructor(options: {
    readonly writeBehind: WriteBehind;
    readonly log: Omit<SpillLogOptions, 'hashOf'>;
    readonly clock: StampClock;
    /** Of a table, by its number. */
    readonly hasSubkeys: (tableId: number) => boolean;
  }) {
    this.writeBehind = options.writeBehind;
    this.#clock = options.clock;
    this.#changes = new ChangeChunks(options.writeBehind);
    const { hasSubkeys } = options;
    this.log = new SpillLog(
      { ...options.log, hashOf: (bytes, start) => spillHashOfStoreKey(bytes, start, hasSubkeys) },
      {
        entry: (hash, bytes, keyStart, valueStart, end) =>
          this.#stage(hash, bytes, keyStart, valueStart, end),
        end: (release) => {
          this.#moveToStore();
          this.writeBehind.whenWritten(release);
        },
      },
    );
  }

  /** Bytes of the log, of the filter, of changes, and of what is known of restored rows. */
  get bytes(): number {
    return this.log.bytes + this.#filter.bytes + this.#changes.bytes + (this.restored?.bytes ?? 0);
  }

  /** So that a view of the store has all changes. */
  flushChanges(): void {
    this.#changes.flush();
  }

  load(hash: number, key: ByteSink, cells: CellCodec): StoredRow | undefined {
    const { log } = this;
    const found = log.find(hash, key);
    if (found > 0) return readLoggedRowAt(log.foundBytes, log.foundStart, cells);
    if (found === 0) return undefined;
    const bytes = this.#filter.mayHave(hash) ? this.writeBehind.store?.getSync(key.view()) : undefined;
    if (bytes !== undefined) return readStoredRow(bytes, cells);
    return this.restored?.load(hash, key.view(), cells);
  }

  delete(hash: number, key: ByteSink): void {
    this.restored?.forget(hash, key.view());
    this.log.begin(hash, key);
    this.log.end();
  }

  // oxlint-disable-next-line max-params -- for each entry that leaves the log
  #stage(hash: number, bytes: Buffer, keyStart: number, valueStart: number, end: number): void {
    const isDeleted = end === valueStart;
    const mayBeThere = this.#filter.mayHave(hash);
    if (isDeleted && !mayBeThere) return;
    const sink = this.#leaving;
    const keyAt = sink.position;
    sink.u8(ROW_TAG);
    sink.range(bytes, keyStart, valueStart);
    const valueAt = sink.position;
    if (!isDeleted) {
      sink.range(bytes, valueStart, end);
      seal(sink, valueAt);
      if (!mayBeThere) this.#filter.add(hash);
    }
    this.#places.push(keyAt, valueAt, sink.position);
  }

  /** All that was staged, which keeps its memory until it is there. */
  #moveToStore(): void {
    const places = this.#places;
    if (places.length === 0) return;
    const { bytes } = this.#leaving;
    this.#leaving = new ByteSink(Math.min(bytes.length, LEAVING_BYTES_KEPT_MAX));
    for (let at = 0; at < places.length; at += PLACES_PER_ENTRY) {
      const valueAt = places[at + 1] as number;
      const end = places[at + 2] as number;
      const key = bytes.subarray(places[at], valueAt);
      if (end === valueAt) {
        this.writeBehind.append({ type: 'del', key });
        continue;
      }
      const value = bytes.subarray(valueAt, end);
      this.writeBehind.append({ type: 'put', key, value });
      // No completed snapshot has this value: the next delta finds it as a change, without looking at all of the store.
      if (this.#clock.lastFrozen > 0 && stampOfLoggedRow(value) > this.#clock.confirmed)
        this.#changes.add(key, value.subarray(0, -CHECKSUM_BYTES));
    }
    places.length = 0;
  }
}
