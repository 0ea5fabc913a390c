// Membership: a Bloom filter.
import { remainder } from '@millrace/common';
import { integerOption, invalidOption, refuseUnknownOptions } from '../options/check-options.ts';
import { hashed, hashValue } from './hash-value.ts';
import type { Sketch, SketchValue } from './sketch.ts';

/** Bytes of a filter at most. */
const FILTER_BYTES_MAX = 16 * 1024 * 1024;

/** Summary of the values of a {@link bloomFilter}. */
export interface BloomFilter {
  /** Bits that a value sets. */
  readonly hashes: number;
  readonly bits: Uint8Array;
}

/** Options of {@link bloomFilter}. */
export interface BloomFilterOptions {
  /** Distinct values for which `falsePositiveRate` holds; with more it grows. */
  readonly capacity: number;
  /** Share of values that were never added and yet are said to be there. Default 0.01. */
  readonly falsePositiveRate?: number;
}

/** Membership, approximately: never a false no. */
export interface BloomFilterSketch extends Sketch<BloomFilter, SketchValue> {
  /** False: the value was never added. True: it was, or, with the probability of `falsePositiveRate`, not. */
  readonly has: (summary: BloomFilter, value: SketchValue) => boolean;
}

/**
 * A filter of −capacity · ln(falsePositiveRate) / ln²2 bits: 1.2 bytes a value at 1 %, 1.8 at 0.1 %. Bounds: 16 MiB.
 * Source: Bloom, "Space/time trade-offs in hash coding with allowable errors" (1970); two hashes make all, as in Kirsch and
 * Mitzenmacher, "Less hashing, same performance" (2006).
 */
export function bloomFilter(options: BloomFilterOptions): BloomFilterSketch {
  refuseUnknownOptions('bloomFilter()', options, ['capacity', 'falsePositiveRate']);
  const capacity = integerOption('`capacity` of bloomFilter()', options.capacity, { min: 1 });
  const rate = options.falsePositiveRate ?? 0.01;
  if (!(typeof rate === 'number' && rate > 0 && rate < 1))
    throw invalidOption(
      `Cannot use ${String(rate)} as \`falsePositiveRate\` of bloomFilter(): write a number between 0 and 1`,
    );
  const bitsPerValue = -Math.log(rate) / Math.LN2 ** 2;
  const bytes = Math.ceil((capacity * bitsPerValue) / 8);
  if (bytes > FILTER_BYTES_MAX)
    throw invalidOption(
      `Cannot make a Bloom filter of ${bytes} bytes: at most ${FILTER_BYTES_MAX}; lower the capacity, or allow more false positives`,
    );
  const hashes = Math.max(1, Math.round(bitsPerValue * Math.LN2));
  return Object.freeze({
    name: `bloomFilter ${bytes} ${hashes}`,
    create: (): BloomFilter => ({ hashes, bits: new Uint8Array(bytes) }),
    add,
    merge,
    copy: (summary: BloomFilter): BloomFilter => ({ hashes: summary.hashes, bits: summary.bits.slice() }),
    has,
  });
}

function add({ hashes, bits }: BloomFilter, value: SketchValue): void {
  if (value === undefined || value === null) return;
  hashValue(value);
  const count = bits.length * 8;
  const step = (hashed.low | 1) >>> 0;
  let bit = remainder(hashed.high >>> 0, count);
  for (let left = hashes; left > 0; left--) {
    bits[bit >>> 3] = (bits[bit >>> 3] as number) | (1 << (bit & 7));
    bit = remainder(bit + step, count);
  }
}

function has({ hashes, bits }: BloomFilter, value: SketchValue): boolean {
  if (value === undefined || value === null) return false;
  hashValue(value);
  const count = bits.length * 8;
  const step = (hashed.low | 1) >>> 0;
  let bit = remainder(hashed.high >>> 0, count);
  for (let left = hashes; left > 0; left--) {
    if (((bits[bit >>> 3] as number) & (1 << (bit & 7))) === 0) return false;
    bit = remainder(bit + step, count);
  }
  return true;
}

function merge(summary: BloomFilter, other: BloomFilter): void {
  const { bits } = summary;
  if (other.bits.length !== bits.length || other.hashes !== summary.hashes) {
    throw invalidOption(
      `Cannot merge a Bloom filter of ${other.bits.length} bytes and ${other.hashes} hashes into one of ${bits.length} and ${summary.hashes}: make both with the same capacity and rate`,
    );
  }
  for (let index = 0; index < bits.length; index++)
    bits[index] = (bits[index] as number) | (other.bits[index] as number);
}
