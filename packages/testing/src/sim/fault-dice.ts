// Decides at each occasion whether a fault strikes. Each decision hangs on the seed, the kind and the occasion's number
// alone, so that a run can be told again with some of its strikes left out.
import type { ChanceKind, ChanceStrike, FaultRates } from './sim-plan.ts';

/** Contract: equal seeds and equal occasions give equal strikes; `strikes` instead of rates gives exactly those. */
export class FaultDice {
  readonly #seed: number;
  readonly #rates: FaultRates;
  readonly #only: ReadonlyMap<ChanceKind, ReadonlySet<number>> | undefined;
  readonly #occasions = new Map<ChanceKind, number>();
  /** What struck, in order. */
  readonly strikes: ChanceStrike[] = [];

  constructor(seed: number, rates: FaultRates, strikes: readonly ChanceStrike[] | undefined) {
    this.#seed = seed;
    this.#rates = rates;
    if (strikes === undefined) return;
    const only = new Map<ChanceKind, Set<number>>();
    for (const { kind, nth } of strikes) only.set(kind, (only.get(kind) ?? new Set()).add(nth));
    this.#only = only;
  }

  /** undefined: nothing happens here; else a number from [0, 1) that says how it strikes. */
  roll(kind: ChanceKind, share = 1): number | undefined {
    const rate = this.#rates[kind] ?? 0;
    if (rate === 0 && this.#only === undefined) return undefined;
    const nth = (this.#occasions.get(kind) ?? 0) + 1;
    this.#occasions.set(kind, nth);
    const mixed = mix(this.#seed ^ saltOf(kind), nth);
    const isStruck =
      this.#only === undefined
        ? mixed / 0x1_0000_0000 < rate * share
        : this.#only.get(kind)?.has(nth) === true;
    if (!isStruck) return undefined;
    this.strikes.push({ kind, nth });
    return mix(mixed, nth) / 0x1_0000_0000;
  }
}

const salts = new Map<string, number>();

function saltOf(kind: string): number {
  const known = salts.get(kind);
  if (known !== undefined) return known;
  let salt = 0x811c9dc5;
  for (let index = 0; index < kind.length; index++)
    salt = Math.imul(salt ^ kind.charCodeAt(index), 0x01000193);
  salts.set(kind, salt);
  return salt;
}

/** Uniform over [0, 2^32). */
function mix(seed: number, nth: number): number {
  let z = (seed + Math.imul(nth, 0x9e3779b9)) | 0;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return (z ^ (z >>> 15)) >>> 0;
}
