// Seeded randomness for simulation and tests: xoshiro128** by Blackman and Vigna, seeded through splitmix32.
import type { RandomPort } from './ports.ts';

/** A deterministic {@link RandomPort}: equal seeds give equal sequences on every platform. */
export class Prng implements RandomPort {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: number) {
    let s = seed | 0;
    const next = (): number => {
      s = (s + 0x9e3779b9) | 0;
      let z = s;
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      return (z ^ (z >>> 15)) | 0;
    };
    this.#a = next();
    this.#b = next();
    this.#c = next();
    this.#d = next();
  }

  nextUint32(): number {
    const x = Math.imul(this.#b, 5);
    const result = Math.imul((x << 7) | (x >>> 25), 9) >>> 0;
    const t = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= t;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result;
  }

  /** Uniform over [0, 1). */
  next(): number {
    return this.nextUint32() / 0x1_0000_0000;
  }

  /** Uniform over the integers of [0, bound). */
  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  nextId(bytes: number): string {
    let id = '';
    for (let index = 0; index < bytes; index++)
      id += (this.nextUint32() & 0xff).toString(16).padStart(2, '0');
    return id;
  }
}
