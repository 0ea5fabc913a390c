// The state backend beside typed arrays, and beyond its memory beside LevelDB itself.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { BackendCount } from '../backend-count.ts';
import { M_RECORDS } from '../bid-batches.ts';
import { random } from '../peers/jobs/random.ts';
import type { BareComparison } from './bare-comparison.ts';
import { CountTable, drawnKeys } from './count-table.ts';

const TURN_KEYS = 1 << 20;
const DRAWN_MAX = 1 << 23;
const DISK_KEYS = 1_000_000;
const DISK_TURN_KEYS = 1 << 16;
const DISK_BATCH = 1_024;
/** A twentieth of the keys in the cache, and one in the log. */
const DISK_CACHE = DISK_KEYS / 20;
const LOG_ENTRY_BYTES = 25;
const LEVEL_BYTES = 8 * 1024 * 1024;

/** What comparisons of state need, made when they are its turn and gone behind it. */
export interface Opened {
  readonly comparison: BareComparison;
  close(): Promise<void>;
}

/** Counts by so many keys that are there already, each key drawn before. */
export async function openCount(directory: string, keyCount: number): Promise<Opened> {
  const drawn = drawnKeys(Math.min(DRAWN_MAX, 8 * keyCount), keyCount, random);
  const table = new CountTable(keyCount);
  for (let key = 0; key < keyCount; key++) table.add(key);
  const backend = await BackendCount.open({
    directory: join(directory, `count-${keyCount}`),
    keyCount,
    cacheEntriesMax: 2 * keyCount,
    looksAhead: true,
  });
  const [loopTurns, engineTurns] = [new Turns(drawn, TURN_KEYS), new Turns(drawn, TURN_KEYS)];
  const comparison: BareComparison = {
    ...M_RECORDS,
    what: `state alone: a count by ${keyCount.toLocaleString('en')} keys`,
    loop: 'open addressing in typed arrays',
    engine: 'the table of the state backend, all in its cache, looking ahead as loops over keyed batches do',
    turnMs: 300,
    runLoop: () => {
      const keys = loopTurns.next();
      let sum = 0;
      for (let index = 0; index < keys.length; index++) sum += table.add(keys[index] as number);
      return { units: keys.length, result: sum };
    },
    runEngine: async () => {
      const keys = engineTurns.next();
      return { units: keys.length, result: await backend.count(keys) };
    },
  };
  return { comparison, close: () => backend.close() };
}

/** Counts of which nine tenths are on disk: a batch of keys is read, changed and written. */
export async function openDiskCount(directory: string): Promise<Opened> {
  const drawn = drawnKeys(16 * DISK_TURN_KEYS, DISK_KEYS, random);
  const level = await LevelCount.open(join(directory, 'level'));
  const backend = await BackendCount.open({
    directory: join(directory, 'disk'),
    keyCount: DISK_KEYS,
    cacheEntriesMax: DISK_CACHE,
    spillLogBytesMax: DISK_CACHE * LOG_ENTRY_BYTES,
    looksAhead: true,
  });
  const [loopTurns, engineTurns] = [new Turns(drawn, DISK_TURN_KEYS), new Turns(drawn, DISK_TURN_KEYS)];
  const comparison: BareComparison = {
    ...M_RECORDS,
    what: 'state on disk: a count by 1,000,000 keys',
    loop: 'getSync of each key of 1,024 and a chained batch (classic-level); CPU of its threads included',
    engine: 'the state backend, a twentieth of the keys in its cache, one in its log, the rest in LevelDB',
    turnMs: 500,
    rounds: 5,
    warmUps: 1,
    runLoop: async () => {
      const keys = loopTurns.next();
      return { units: keys.length, result: await level.count(keys) };
    },
    runEngine: async () => {
      const keys = engineTurns.next();
      return { units: keys.length, result: await backend.count(keys) };
    },
  };
  const close = async (): Promise<void> => {
    await level.close();
    await backend.close();
  };
  return { comparison, close };
}

/** The keys of turn after turn, over and over. */
class Turns {
  readonly #keys: Int32Array;
  readonly #count: number;
  #from = 0;

  constructor(keys: Int32Array, count: number) {
    this.#keys = keys;
    this.#count = Math.min(count, keys.length);
  }

  next(): Int32Array {
    if (this.#from + this.#count > this.#keys.length) this.#from = 0;
    const from = this.#from;
    this.#from += this.#count;
    return this.#keys.subarray(from, this.#from);
  }
}

const KEY_BYTES = 12;
const VALUE_BYTES = 8;

/** LevelDB as a program without an engine would use it: as our store opens it, and no value kept in memory but those of the batch at hand. */
class LevelCount {
  readonly #level: ClassicLevel<Uint8Array, Uint8Array>;
  readonly #batch = new Map<number, number>();

  private constructor(level: ClassicLevel<Uint8Array, Uint8Array>) {
    this.#level = level;
  }

  static async open(directory: string): Promise<LevelCount> {
    await rm(directory, { recursive: true, force: true });
    const level = new ClassicLevel<Uint8Array, Uint8Array>(directory, {
      keyEncoding: 'view',
      valueEncoding: 'view',
      compression: false,
      cacheSize: LEVEL_BYTES,
      writeBufferSize: LEVEL_BYTES,
    });
    await level.open();
    const opened = new LevelCount(level);
    for (let key = 0; key < DISK_KEYS; key++) {
      opened.#batch.set(key, 1);
      if (opened.#batch.size === DISK_BATCH) await opened.#write();
    }
    await opened.#write();
    return opened;
  }

  /** Resolves to the sum of the new counts. */
  async count(keys: Int32Array): Promise<number> {
    const batch = this.#batch;
    let sum = 0;
    for (let from = 0; from < keys.length; from += DISK_BATCH) {
      const to = Math.min(keys.length, from + DISK_BATCH);
      for (let index = from; index < to; index++) {
        const key = keys[index] as number;
        const count = (batch.get(key) ?? this.#read(key)) + 1;
        batch.set(key, count);
        sum += count;
      }
      await this.#write();
    }
    return sum;
  }

  #read(key: number): number {
    const value = this.#level.getSync(keyBytes(key));
    return value === undefined ? 0 : new DataView(value.buffer, value.byteOffset).getFloat64(0, true);
  }

  async #write(): Promise<void> {
    const batch = this.#level.batch();
    for (const [key, count] of this.#batch) {
      const value = new Uint8Array(VALUE_BYTES);
      new DataView(value.buffer).setFloat64(0, count, true);
      batch.put(keyBytes(key), value);
    }
    this.#batch.clear();
    await batch.write();
  }

  close(): Promise<void> {
    return this.#level.close();
  }
}

function keyBytes(key: number): Uint8Array {
  const bytes = new Uint8Array(KEY_BYTES);
  new DataView(bytes.buffer).setUint32(KEY_BYTES - 4, key);
  return bytes;
}
