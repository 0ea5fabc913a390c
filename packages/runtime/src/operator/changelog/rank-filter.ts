// [HOT] What a producer knows of a running top-N behind the exchange: records that cannot come to be among the first are not sent.
import type { TopNOperator, StreamNode } from '@millrace/api';

/** Longer lists of first ones are not kept twice. */
const LIMIT_MAX = 64;
/** Measures that a producer keeps at most, for all keys. */
const MEASURES_MAX = 65_536;
const SLOTS_MAX = 4_096;
/** Longer text may keep the batch alive that it came in. */
const KEY_LENGTH_MAX = 12;
/** Fibonacci hashing: the low bits of a key's hash depend on its key group, the high bits of the product do not. */
const SPREAD = 0x9e3779b1;

/** Returns the filter for an edge to `consumer`; undefined where every record may count, or one that fails has to be seen. */
export function rankFilterOf(consumer: StreamNode): RankFilter | undefined {
  const { operator } = consumer;
  if (operator.kind !== 'topN' || consumer.onError !== undefined) return undefined;
  const { limit, orderBy, input, isOfChanges, stateTtlMs } = operator;
  if (input !== 'append' || isOfChanges || orderBy.length !== 1 || stateTtlMs !== Infinity) return undefined;
  if (typeof limit !== 'number' || limit > LIMIT_MAX) return undefined;
  return new RankFilter(limit, orderBy[0] as TopNOperator['orderBy'][number]);
}

/**
 * The measures of the first `limit` records of each key that it let through, as far as it has room. As records of a key come to
 * the consumer in the order in which they were sent, one that is behind `limit` of these would be left out there as well, so that
 * results do not depend on it, and nothing of it is state: what it forgets goes through.
 * Bounds: MEASURES_MAX measures of SLOTS_MAX keys; keys that meet in a slot replace each other.
 */
export class RankFilter {
  readonly by: TopNOperator['orderBy'][number]['by'];
  readonly #limit: number;
  readonly #sign: number;
  readonly #shift: number;
  readonly #keys: unknown[] = [];
  readonly #counts: Uint8Array;
  /** Of a slot the greatest first, times the sign. */
  readonly #measures: Float64Array;

  constructor(limit: number, { by, isDescending }: TopNOperator['orderBy'][number]) {
    let slots = SLOTS_MAX;
    while (slots * limit > MEASURES_MAX) slots /= 2;
    this.by = by;
    this.#limit = limit;
    this.#sign = isDescending ? 1 : -1;
    this.#shift = 32 - Math.log2(slots);
    this.#counts = new Uint8Array(slots);
    this.#measures = new Float64Array(slots * limit);
    for (let slot = 0; slot < slots; slot++) this.#keys.push(undefined);
  }

  /** Measure of a record; NaN: none that can be compared. What its function throws is for the consumer to find. */
  measureOf(record: unknown): number {
    try {
      const value = (this.by as (record: unknown) => unknown)(record);
      return typeof value === 'number' ? value : NaN;
    } catch {
      return NaN;
    }
  }

  /** False: it need not be sent. Else it counts as sent. */
  passes(key: unknown, hash: number, measure: number): boolean {
    if (measure !== measure) return true;
    const slot = Math.imul(hash, SPREAD) >>> this.#shift;
    if (this.#keys[slot] !== key) {
      if (typeof key === 'string' ? key.length > KEY_LENGTH_MAX : typeof key !== 'number') return true;
      this.#keys[slot] = key;
      this.#counts[slot] = 0;
    }
    const limit = this.#limit;
    const measures = this.#measures;
    const start = slot * limit;
    const count = this.#counts[slot] as number;
    const value = measure * this.#sign;
    // What is equal to the last one comes behind it.
    if (count === limit && value <= (measures[start + limit - 1] as number)) return false;
    let place = start + (count === limit ? limit - 1 : count);
    for (; place > start && (measures[place - 1] as number) < value; place--)
      measures[place] = measures[place - 1] as number;
    measures[place] = value;
    if (count < limit) this.#counts[slot] = count + 1;
    return true;
  }
}
