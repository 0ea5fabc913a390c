// What the job `watchers` reads: four splits, in each of them all its keys eight times, one round after the other.
export const ROUNDS = 8;
const SPLITS = 4;
export const KEYS_OF_SPLIT = 375;
export const QUERY_COUNT = 40;
export const RECORD_COUNT: number = SPLITS * KEYS_OF_SPLIT * ROUNDS;

export interface Watched {
  readonly index: number;
  readonly key: number;
  readonly round: number;
  /** In its split. */
  readonly place: number;
}

export function watchedAt(index: number): Watched {
  const splitSize = KEYS_OF_SPLIT * ROUNDS;
  const place = index % splitSize;
  const key = Math.floor(index / splitSize) * KEYS_OF_SPLIT + (place % KEYS_OF_SPLIT);
  return { index, key, round: Math.floor(place / KEYS_OF_SPLIT), place };
}
