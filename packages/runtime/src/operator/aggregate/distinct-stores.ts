// Where the values of distinct counts are: entries with bits where nothing is ever taken out, else maps of counts by key.
import type { KeyedStateBackend, MapStateHandle } from '@millrace/state';
import type { AggregateLayout } from './aggregate-layout.ts';
import type { DistinctStore } from './distinct-group.ts';

/** Stores of a layout's groups; `clear` forgets the values of a key. */
export interface DistinctStores {
  clear(key: unknown, keyHash: number): void;
}

/**
 * Gives each group of a layout its store. `keepsAll`: values are never taken out and keys are never forgotten; else each value
 * is kept with how often it is there, and found again by its key.
 */
export function openDistinctStores(
  backend: KeyedStateBackend,
  layout: Pick<AggregateLayout, 'groups'>,
  { keepsAll }: { readonly keepsAll: boolean },
): DistinctStores | undefined {
  const counted: CountedValues[] = [];
  for (const group of layout.groups) {
    if (keepsAll) {
      group.store = backend.distinctValues(group.name);
      continue;
    }
    const values = new CountedValues(backend, group.name, group.counts.length);
    group.store = values;
    counted.push(values);
  }
  if (counted.length === 0) return undefined;
  return {
    clear: (key, keyHash) => {
      for (const values of counted) values.clear(key, keyHash);
    },
  };
}

/** [HOT] Values with how often each count has them: a number where there is one count, else an array. */
class CountedValues implements DistinctStore {
  readonly #backend: KeyedStateBackend;
  readonly #values: MapStateHandle;
  readonly #width: number;

  constructor(backend: KeyedStateBackend, name: string, width: number) {
    this.#backend = backend;
    this.#values = backend.mapState(name);
    this.#width = width;
  }

  select(key: unknown, keyHash: number): void {
    this.#backend.setCurrentKey(key, keyHash);
  }

  add(value: unknown, bits: number): number {
    return this.#change(value, bits, 1);
  }

  remove(value: unknown, bits: number): number {
    return this.#change(value, bits, -1);
  }

  clear(key: unknown, keyHash: number): void {
    this.#backend.setCurrentKey(key, keyHash);
    this.#values.clear();
  }

  /** Below 0 is what is taken out before it comes: it is not counted, and forgotten when it has come. */
  #change(value: unknown, bits: number, by: 1 | -1): number {
    const before = this.#values.get(value);
    const counts = this.#countsOf(before);
    // What passes here on its way up has come, on its way down has gone.
    const edge = by === 1 ? 1 : 0;
    let changed = 0;
    let isLeft = false;
    for (let bit = 0; bit < this.#width; bit++) {
      if ((bits & (1 << bit)) !== 0) {
        const count = (counts[bit] as number) + by;
        counts[bit] = count;
        if (count === edge) changed |= 1 << bit;
      }
      if (counts[bit] !== 0) isLeft = true;
    }
    if (isLeft) this.#values.put(value, this.#width === 1 ? counts[0] : counts);
    else if (before !== undefined) this.#values.remove(value);
    return changed;
  }

  #countsOf(before: unknown): number[] {
    if (this.#width === 1) return [(before as number | undefined) ?? 0];
    if (before !== undefined) return [...(before as readonly number[])];
    const none: number[] = [];
    for (let bit = 0; bit < this.#width; bit++) none.push(0);
    return none;
  }
}
