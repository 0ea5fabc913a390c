// The files of `fixture` are what the command `zstd` 1.5.4 made of these contents: levels 3, 19 (text-19, without a checksum) and 1 (skewed).
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeZstd } from './decode-zstd.ts';

const CONTENTS = {
  text: lines(),
  'text-19': lines(),
  skewed: Buffer.from(numbers(150_000, 3)),
  noise: Buffer.from(numbers(6_000, 256).map((number, index) => (number * index) & 255)),
  same: Buffer.alloc(400_000, 7),
} as const;

/** Small ones are more frequent. */
function numbers(count: number, bound: number): number[] {
  let seed = 1;
  return Array.from({ length: count }, () => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor((seed / 0x80000000) ** 2 * bound);
  });
}

function lines(): Buffer {
  return Buffer.from(
    numbers(3_000, 500)
      .map((number, row) => `${row},airport ${number},${number % 7 === 0 ? 'late' : 'in time'}\n`)
      .join(''),
  );
}

function compressed(name: keyof typeof CONTENTS): Uint8Array {
  return readFileSync(new URL(`../../fixture/${name}.zst`, import.meta.url));
}

test.each(Object.keys(CONTENTS) as (keyof typeof CONTENTS)[])(
  'decodeZstd gives back what was compressed: %s',
  (name) => {
    const content = CONTENTS[name];
    expect(Buffer.compare(decodeZstd(compressed(name), content.length), content)).toBe(0);
  },
);

test('decodeZstd reads frames one after the other, raw and repeated blocks, and leaves out what is to be skipped', () => {
  const raw = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 3, 0x19, 0, 0, 65, 66, 67];
  const skipped = [0x5a, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2];
  const repeated = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 4, 0x23, 0, 0, 68];
  const bytes = Uint8Array.from([...raw, ...skipped, ...repeated]);
  expect(Buffer.from(decodeZstd(bytes, 7)).toString()).toBe('ABCDDDD');
});

test('decodeZstd refuses a content that is longer or shorter than it was said to be', () => {
  const { length } = CONTENTS.text;
  expect(() => decodeZstd(compressed('text'), length + 1)).toThrow(/fewer bytes/);
  expect(() => decodeZstd(compressed('text'), length - 1)).toThrow(/more bytes|damaged/);
});

test('decodeZstd ends with an error or with some content, whatever is damaged', () => {
  const whole = compressed('text');
  const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), fc.nat(whole.length), (changes, cut) => {
      const bytes = Uint8Array.from(cut % 4 === 0 ? whole.subarray(0, cut) : whole);
      for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte;
      try {
        expect(decodeZstd(bytes, CONTENTS.text.length)).toHaveLength(CONTENTS.text.length);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
        expect(error).not.toBeInstanceOf(TypeError);
      }
    }),
  );
});
