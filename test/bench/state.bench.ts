// Keyed count on the state backend: all keys in its cache against a plain Map, and ten times more keys than fit against all in.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Prng } from '@millrace/common';
import { BackendCount } from './backend-count.ts';
import { compareEach, sink, type Bench, type Comparison } from './compare.ts';

const KEYS = 1_000_000;
const CACHE_ALL = 2 * KEYS;
const CACHE_TENTH = KEYS / 10;
/** A twentieth of the keys in the cache, and one in the log: what else there is is in LevelDB. */
const CACHE_TWENTIETH = KEYS / 20;
const LOG_ENTRY_BYTES = 25;
const LOG_TWENTIETH = (KEYS / 20) * LOG_ENTRY_BYTES;
const BATCH_ROWS = 1024;
const TURN_BATCHES = 64;
/** In the skewed case this share of the records, in tenths, goes to a twentieth of the keys. */
const HOT_TENTHS = 9;
const HOT_KEYS = KEYS / 20;

type KeyOf = (prng: Prng) => number;
const uniform: KeyOf = (prng) => prng.nextUint32() % KEYS;
const skewed: KeyOf = (prng) => prng.nextUint32() % (prng.nextUint32() % 10 < HOT_TENTHS ? HOT_KEYS : KEYS);

/** A turn's keys, drawn as they are counted. */
class DrawnCount {
  readonly #counts: BackendCount;
  readonly #prng = new Prng(1);
  readonly #keys = new Int32Array(BATCH_ROWS);

  private constructor(counts: BackendCount) {
    this.#counts = counts;
  }

  static async open(
    directory: string,
    cacheEntriesMax: number,
    spillLogBytesMax?: number,
  ): Promise<DrawnCount> {
    const bound = spillLogBytesMax === undefined ? {} : { spillLogBytesMax };
    return new DrawnCount(await BackendCount.open({ directory, keyCount: KEYS, cacheEntriesMax, ...bound }));
  }

  async count(keyOf: KeyOf): Promise<number> {
    const keys = this.#keys;
    for (let batch = 0; batch < TURN_BATCHES; batch++) {
      for (let record = 0; record < BATCH_ROWS; record++) keys[record] = keyOf(this.#prng);
      await this.#counts.count(keys);
    }
    return TURN_BATCHES * BATCH_ROWS;
  }

  close(): Promise<void> {
    return this.#counts.close();
  }
}

/** What a program without an engine would write; nothing of it is ever durable. */
function mapCount(): (keyOf: KeyOf) => number {
  const counts = new Map<number, { count: number }>();
  const prng = new Prng(1);
  for (let key = 0; key < KEYS; key++) counts.set(key, { count: 0 });
  return (keyOf) => {
    for (let record = 0; record < TURN_BATCHES * BATCH_ROWS; record++) {
      const entry = counts.get(keyOf(prng));
      if (entry !== undefined) entry.count++;
    }
    sink(counts);
    return TURN_BATCHES * BATCH_ROWS;
  };
}

export const stateBench: Bench = {
  name: 'state',
  run: async (wants) => {
    const directory = await mkdtemp(join(tmpdir(), 'millrace-bench-'));
    const inCache = await DrawnCount.open(join(directory, 'all'), CACHE_ALL);
    const inLog = await DrawnCount.open(join(directory, 'tenth'), CACHE_TENTH);
    let onDisk: DrawnCount | undefined;
    const countOnDisk = async () => {
      onDisk ??= await DrawnCount.open(join(directory, 'twentieth'), CACHE_TWENTIETH, LOG_TWENTIETH);
      return await onDisk.count(uniform);
    };
    // Made when it is first asked for: a million objects on the heap, which those without need for them should not collect around.
    let inMap: ReturnType<typeof mapCount> | undefined;
    try {
      const shared = { unit: 'M records/s', unitScale: 1e6, rounds: 5, warmUps: 1, turnMs: 400 };
      const comparisons: readonly Comparison[] = [
        {
          ...shared,
          what: 'count by 1 M keys, all in the cache',
          against: 'Map of objects',
          baseline: () => (inMap ??= mapCount())(uniform),
          ours: () => inCache.count(uniform),
        },
        {
          ...shared,
          what: 'ten times more keys than cache, uniform; the rest in the log',
          against: 'all in the cache',
          guard: 0.15,
          baseline: () => inCache.count(uniform),
          ours: () => inLog.count(uniform),
        },
        {
          ...shared,
          what: 'ten times more keys than cache and log, uniform; the rest in LevelDB',
          against: 'all in the cache',
          baseline: () => inCache.count(uniform),
          ours: countOnDisk,
        },
        {
          ...shared,
          what: 'ten times more keys than cache, 9 of 10 records to 5 %',
          against: 'all in the cache',
          baseline: () => inCache.count(skewed),
          ours: () => inLog.count(skewed),
        },
      ];
      return await compareEach(comparisons, wants);
    } finally {
      await inCache.close();
      await inLog.close();
      await onDisk?.close();
      await rm(directory, { recursive: true, force: true });
    }
  },
};
