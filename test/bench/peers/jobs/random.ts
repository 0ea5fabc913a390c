// The randomness of the peers' workloads: record `i` draws from MurmurHash3's finaliser of i + 1.

export function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** From 0 to bound − 1. Not `%`, which calls the C library for numbers beyond 31 bits. */
export function random(index: number, bound: number): number {
  const drawn = mix(index + 1) >>> 0;
  return drawn - Math.floor(drawn / bound) * bound;
}

export interface Event {
  readonly key: number;
  readonly time: number;
}

/** Events of which ten share a millisecond; each of `parallelism` subtasks starts at time 0. */
export function events(keys: number, count: number, parallelism: number): (index: number) => Event {
  const perSubtask = Math.floor(count / parallelism);
  return (index) => ({
    // V8 leaves `%` out where nobody reads the key, and a division not.
    key: (mix(index + 1) >>> 0) % keys,
    time: Math.floor(((index % perSubtask) * parallelism) / 10),
  });
}
