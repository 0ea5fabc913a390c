import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isMillraceError } from '@millrace/common';
import { primitiveValue, structuredValue } from './structured-value.testing.ts';
import { decodeValueV1, encodeValueV1 } from './value-codec-v1.ts';
import { outline } from './value-outline.testing.ts';

test('every value that structured clone takes comes back as structured clone would give it', () => {
  fc.assert(
    fc.property(structuredValue, (value) => {
      expect(outline(decodeValueV1(encodeValueV1(value)))).toBe(outline(structuredClone(value)));
    }),
    { numRuns: 2000 },
  );
});

test('a value cut short is refused as corrupt', () => {
  fc.assert(
    fc.property(structuredValue, fc.nat(), (value, at) => {
      const bytes = encodeValueV1(value);
      const cut = bytes.subarray(0, at % bytes.length);
      expect(codeOf(() => decodeValueV1(cut))).toBe('MR_FRAME_CORRUPT');
    }),
  );
});

test('a value with bytes after it is refused as corrupt', () => {
  fc.assert(
    fc.property(primitiveValue, (value) => {
      const bytes = encodeValueV1(value);
      const longer = new Uint8Array(bytes.length + 1);
      longer.set(bytes);
      expect(codeOf(() => decodeValueV1(longer))).toBe('MR_FRAME_CORRUPT');
    }),
  );
});

test('changed bytes give a value or MR_FRAME_CORRUPT, never another error', () => {
  fc.assert(
    fc.property(structuredValue, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, at, flip) => {
      const bytes = encodeValueV1(value);
      const index = at % bytes.length;
      bytes[index] = (bytes[index] ?? 0) ^ flip;
      expect(['MR_FRAME_CORRUPT', undefined]).toContain(codeOf(() => decodeValueV1(bytes)));
    }),
    { numRuns: 2000 },
  );
});

function codeOf(decode: () => unknown): string | undefined {
  try {
    decode();
    return undefined;
  } catch (error) {
    return isMillraceError(error) ? error.code : String(error);
  }
}
