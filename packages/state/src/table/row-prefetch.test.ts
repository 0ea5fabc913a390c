import { hashKey, silentLogger } from '@millrace/common';
import { expect, test } from 'vitest';
import { openKeyedStateBackend } from '../backend/open-keyed-state-backend.ts';

const KEYS = 70_000;

test.each([
  ['numbers', (index: number) => index],
  ['texts', (index: number) => `key ${index}`],
])('rows of %s are as they were after a look at them ahead, absent ones still absent', async (_, keyOf) => {
  const backend = await openKeyedStateBackend({
    keyGroupCount: 720,
    keyGroupRange: { firstKeyGroup: 0, lastKeyGroup: 719 },
    cacheEntriesMax: 2 * KEYS,
    openStore: () => Promise.reject(new Error('nothing leaves memory here')),
    codegenId: 'test',
    log: silentLogger,
  });
  const table = backend.table({ name: 'rows', columns: ['f64', 'value'], hasNamespaces: false });
  const slices = backend.table({ name: 'slices', columns: ['packed'], hasNamespaces: true });
  const values = backend.valueState('value');
  const hashes = Int32Array.from({ length: KEYS }, (_unused, index) => hashKey(keyOf(index)));
  backend.prefetch(hashes, 0, KEYS);
  for (let index = 0; index < KEYS - 10; index++) {
    const key = keyOf(index);
    const hash = hashes[index] as number;
    const row = table.upsert(key, hash, 0);
    (table.columns[0] as Float64Array)[row] = index;
    (table.columns[1] as unknown[])[row] = String(index);
    slices.packed(0).set(slices.upsert(key, hash, 1_000), index);
    backend.setCurrentKey(key, hash);
    values.update(index);
  }
  backend.prefetch(hashes, 0, KEYS);
  expect(slices.packed(0).get(slices.find(keyOf(1), hashes[1] as number, 1_000))).toBe(1);
  slices.removeNamespace(1_000);
  const { entryCount, stateBytes } = backend;
  for (const from of [0, 1, KEYS - 300, KEYS - 1, KEYS]) backend.prefetch(hashes, from, KEYS);
  expect(backend).toMatchObject({ entryCount, stateBytes });
  const rows = Array.from(hashes, (hash, index) => table.find(keyOf(index), hash, 0));
  expect(rows.findIndex((row) => row < 0)).toBe(KEYS - 10);
  const [numbers, texts] = table.columns as [Float64Array, unknown[]];
  expect(
    rows.slice(0, KEYS - 10).every((row, index) => numbers[row] === index && texts[row] === String(index)),
  ).toBe(true);
  await backend.close();
});
