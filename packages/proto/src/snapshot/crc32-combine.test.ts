import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { combineCrc32 } from './crc32-combine.ts';

test('The checksums of two parts are that of the whole', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 70_000 }), (first, second) => {
      const whole = crc32(second, crc32(first));
      expect(combineCrc32(crc32(first), crc32(second), second.length)).toBe(whole);
    }),
    { numRuns: 50 },
  );
  const long = new Uint8Array(5_000_000).fill(7);
  expect(combineCrc32(crc32(long), crc32(long), long.length)).toBe(crc32(long, crc32(long)));
});
