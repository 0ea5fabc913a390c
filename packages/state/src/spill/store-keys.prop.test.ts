import fc from 'fast-check';
import { keyGroupOfHash } from '@millrace/common';
import { ByteSink, ByteSource, readKeyV1 } from '@millrace/proto';
import { expect, test } from 'vitest';
import { spillHashOfKey, spillHashOfStoreKey } from './spill-hash.ts';
import {
  copyPart,
  endOfSubkey,
  generationOfStoreKey,
  hashOfStoreKey,
  keyGroupOfStoreKey,
  namespaceOfStoreKey,
  partsOfStoreKey,
  ROW_TAG,
  tableIdOfStoreKey,
  writeIdentity,
} from './store-keys.ts';

const number = fc.oneof(fc.constantFrom(0, -1, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, 0.5, 1e300), fc.integer());
const key = fc.oneof(number, fc.string(), fc.constantFrom(null, true, 5n), fc.tuple(number, fc.string()));
const short = (max: number) => fc.oneof(fc.constantFrom(0, 254, 255, 256, max), fc.nat(max));

test('a store key has the parts that it was written of, and these are keys of a snapshot', () => {
  fc.assert(
    fc.property(
      fc.record({ key, hash: fc.integer(), generation: short(2 ** 32 - 1) }),
      short(65_535),
      fc.option(number, { nil: undefined }),
      (identity, tableId, subkey) => {
        const sink = new ByteSink();
        sink.u8(ROW_TAG);
        writeIdentity(sink, { keyGroupCount: 128, tableId }, { ...identity, subkey });
        const bytes = sink.view();
        expect(keyGroupOfStoreKey(bytes)).toBe(keyGroupOfHash(identity.hash, 128));
        expect(tableIdOfStoreKey(bytes)).toBe(tableId);
        expect(hashOfStoreKey(bytes)).toBe(identity.hash);
        expect(generationOfStoreKey(bytes)).toBe(identity.generation);
        const behind = Buffer.concat([Buffer.from('before'), bytes]);
        for (const hasSubkeys of [true, false])
          expect(spillHashOfStoreKey(behind, 6, behind.length, () => hasSubkeys)).toBe(
            spillHashOfStoreKey(bytes, 0, bytes.length, () => hasSubkeys),
          );
        expect(spillHashOfStoreKey(bytes, 0, bytes.length, () => false)).toBe(
          spillHashOfKey(tableId, identity.hash),
        );
        const parts = partsOfStoreKey(bytes);
        const keyStart = subkey === undefined ? parts : endOfSubkey(bytes);
        const copied = new ByteSink();
        if (subkey !== undefined) {
          expect(namespaceOfStoreKey(bytes)).toBe(subkey === 0 ? 0 : subkey);
          copyPart(copied, bytes, parts, keyStart);
        }
        copyPart(copied, bytes, keyStart);
        const source = new ByteSource(copied.view());
        if (subkey !== undefined) expect(readKeyV1(source)).toBe(subkey);
        expect(readKeyV1(source)).toEqual(identity.key);
        expect(source.position).toBe(source.end);
      },
    ),
  );
});
