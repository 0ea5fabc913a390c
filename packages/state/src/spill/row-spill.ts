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

/** Tag and checksum are a quarter of the shortest entries. */
const LEAVING_ROOM = 1.25;
/** What was on its way is used again if it is no larger: twice what segments have that end with no large value. */
const SPARE_BYTES_MAX = 512 * 1024;
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
  readonly #hasSubkeys: (tableId: number) => boolean;
  readonly #clock: StampClock;
  /** Keys and values of a segment that leaves the log, as the store gets them. */
  #leaving: ByteSink | undefined;
  #spare: ByteSink | undefined;
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
    this.#hasSubkeys = options.hasSubkeys;
    this.log = new SpillLog(
      {
        ...options.log,
        hashOf: (bytes, start, end) => spillHashOfStoreKey(bytes, start, end, this.#hasSubkeys),
      },
      {
        entry: (hash, bytes, keyStart, valueStart, end) =>
          this.#stage(hash, bytes, keyStart, valueStart, end),
        end: (release) => this.#moveToStore(release),
      },
    );
  }

  /** Of the identity whose store key stands at the beginning of a sink. */
  hashOf({ bytes, position }: ByteSink): number {
    return spillHashOfStoreKey(bytes, 0, position, this.#hasSubkeys);
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
    const sink = (this.#leaving ??= this.#sinkOf(Math.ceil(bytes.length * LEAVING_ROOM)));
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

  #sinkOf(bytesCount: number): ByteSink {
    const spare = this.#spare;
    this.#spare = undefined;
    if (spare === undefined || spare.bytes.length < bytesCount) return new ByteSink(bytesCount);
    spare.reset();
    return spare;
  }

  /** All that was staged, which keeps its memory until it is there. */
  #moveToStore(release: () => void): void {
    const sink = this.#leaving;
    this.#leaving = undefined;
    this.writeBehind.whenWritten(() => {
      release();
      if (sink !== undefined && sink.bytes.length <= SPARE_BYTES_MAX) this.#spare = sink;
    });
    if (sink === undefined) return;
    const places = this.#places;
    const { bytes } = sink;
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
