// Lookups of an external table: a cache in front of the user's function, equal keys asked for once, several keys in one call.
import { isNullKey, MillraceError, type Cancellable, type Clock } from '@millrace/common';
import type { LookupSpec } from '@millrace/api';
import type { AsynchronousPort } from '../../chain/operator-chain.ts';
import { deepFreeze } from '../../chain/deep-freeze.ts';
import { identityOfKey } from '../key-identity.ts';
import type { LifecycleContext } from '../process/process-context.ts';

interface CachedRow {
  /** undefined: there is none. */
  readonly row: unknown;
  readonly expiresAtMs: number;
}

/** The call of a record; its signal is made when it is asked for. */
interface Asker {
  /** Aborted when the record's time is over. */
  readonly signal: AbortSignal;
}

/** Keys that wait to be asked for together. */
interface Waiting {
  readonly keys: unknown[];
  readonly resolves: ((row: unknown) => void)[];
  readonly rejects: ((error: unknown) => void)[];
}

export interface LookupsOptions {
  readonly spec: LookupSpec;
  readonly lifecycle: LifecycleContext;
  readonly port: AsynchronousPort;
  readonly clock: Clock;
}

/**
 * The calls of a lookup join in one subtask.
 * Contract: a row is as old as its time to live at most; that there is none is remembered for a time of its own. What fails is
 * not remembered. The cache is no state: it begins empty. Bounds: `cacheEntriesMax` rows, the ones used longest ago go first;
 * as many keys wait as records are in flight. Threading: the task's thread; answers touch only this.
 * Source: Flink's lookup joins with `lookup.cache = PARTIAL`.
 */
export class Lookups {
  readonly #of: LookupsOptions;
  /** In the order of their last use. */
  readonly #cache = new Map<unknown, CachedRow>();
  readonly #asked = new Map<unknown, Promise<unknown>>();
  #waiting: Waiting = { keys: [], resolves: [], rejects: [] };
  #alarm: Cancellable | undefined;
  readonly #hitCount;
  readonly #missCount;

  constructor(of: LookupsOptions) {
    this.#of = of;
    this.#hitCount = of.lifecycle.metrics.counter('lookups.cache_hits');
    this.#missCount = of.lifecycle.metrics.counter('lookups.cache_misses');
    of.lifecycle.metrics.gauge('lookups.cached', () => this.#cache.size);
  }

  /** The results for a record: at once from the cache, else a promise of them. */
  readonly call = (record: unknown, asker: Asker): unknown => {
    const recordKey = this.#of.spec.recordKey as (record: unknown) => unknown;
    const key = recordKey(record);
    if (isNullKey(key)) return this.#results(record, undefined);
    const id = identityOfKey(key);
    const cached = this.#cached(id);
    if (cached !== undefined) return this.#results(record, cached.row);
    this.#missCount.count++;
    return this.#ask(key, id, asker).then((row) => this.#results(record, row));
  };

  close(): void {
    this.#alarm?.cancel();
  }

  #results(record: unknown, row: unknown): readonly unknown[] {
    const { joinType, select } = this.#of.spec;
    if (row === undefined && joinType === 'inner') return [];
    return [(select as (record: unknown, row: unknown) => unknown)(record, row)];
  }

  #cached(id: unknown): CachedRow | undefined {
    const cached = this.#cache.get(id);
    if (cached === undefined) return undefined;
    this.#cache.delete(id);
    if (cached.expiresAtMs <= this.#of.clock.monotonicMs()) return undefined;
    this.#cache.set(id, cached);
    this.#hitCount.count++;
    return cached;
  }

  #keep(id: unknown, row: unknown): void {
    const { cacheEntriesMax, ttlMs, negativeTtlMs } = this.#of.spec;
    const livesMs = row === undefined ? negativeTtlMs : ttlMs;
    if (cacheEntriesMax === 0 || livesMs === 0) return;
    this.#cache.set(id, { row, expiresAtMs: this.#of.clock.monotonicMs() + livesMs });
    if (this.#cache.size <= cacheEntriesMax) return;
    const oldest = this.#cache.keys().next();
    if (oldest.done !== true) this.#cache.delete(oldest.value);
  }

  /** Asks for a key, or waits for who has asked for it already: as long as that one does, since no answer may ever come. */
  #ask(key: unknown, id: unknown, asker: Asker): Promise<unknown> {
    const asked = this.#asked.get(id);
    if (asked !== undefined) return asked;
    const forget = (): void => {
      if (this.#asked.get(id) === answer) this.#asked.delete(id);
    };
    const answer = (this.#of.spec.batchMax > 1 ? this.#askTogether(key) : this.#askAlone(key)).then(
      (given) => {
        const row = given ?? undefined;
        deepFreeze(row);
        forget();
        this.#keep(id, row);
        return row;
      },
      (error: unknown) => {
        forget();
        throw error;
      },
    );
    this.#asked.set(id, answer);
    asker.signal.addEventListener('abort', forget, { once: true });
    return answer;
  }

  #askAlone(key: unknown): Promise<unknown> {
    const { spec, lifecycle } = this.#of;
    const { lookup } = spec;
    if (lookup === undefined) return this.#askAll([key]).then((rows) => rows[0]);
    return new Promise((resolve) =>
      resolve((lookup as (key: unknown, context: unknown) => unknown)(key, lifecycle)),
    );
  }

  #askTogether(key: unknown): Promise<unknown> {
    const { batchMax, batchDelayMs } = this.#of.spec;
    const waiting = this.#waiting;
    const answer = new Promise((resolve, reject) => {
      waiting.keys.push(key);
      waiting.resolves.push(resolve);
      waiting.rejects.push(reject);
    });
    if (waiting.keys.length >= batchMax) this.#flush();
    else this.#alarm ??= this.#of.port.schedule(batchDelayMs, () => this.#flush());
    return answer;
  }

  #flush(): void {
    this.#alarm?.cancel();
    this.#alarm = undefined;
    const { keys, resolves, rejects } = this.#waiting;
    this.#waiting = { keys: [], resolves: [], rejects: [] };
    if (keys.length === 0) return;
    this.#askAll(keys).then(
      (rows) => resolves.forEach((resolve, index) => resolve(rows[index])),
      (error: unknown) => rejects.forEach((reject) => reject(error)),
    );
  }

  /** What the function throws becomes a promise that fails. */
  #askAll(keys: readonly unknown[]): Promise<readonly unknown[]> {
    const { spec, lifecycle } = this.#of;
    const lookupAll = spec.lookupAll as (keys: readonly unknown[], context: unknown) => unknown;
    return new Promise((resolve) => resolve(lookupAll(keys, lifecycle))).then((rows) => {
      if (Array.isArray(rows) && rows.length === keys.length) return rows as readonly unknown[];
      throw new MillraceError(
        'MR_USER_FUNCTION',
        `\`lookupAll\` was asked for ${keys.length} keys and gave ${Array.isArray(rows) ? `${rows.length} rows` : 'no array'}: it gives a row or undefined for each key, in their order`,
      );
    });
  }
}
