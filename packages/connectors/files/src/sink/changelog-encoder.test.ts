import { expect, test } from 'vitest';
import type { Change } from '@millrace/api';
import { jsonLines } from '../json-lines/json-lines.ts';
import { changelogEncoder } from './changelog-encoder.ts';

const changes: readonly Change<unknown>[] = [
  { kind: 'insert', row: { key: 'a', n: 1 } },
  { kind: 'updateBefore', row: { key: 'a', n: 1 } },
  { kind: 'updateAfter', row: { key: 'ä', n: 2 } },
  { kind: 'delete', row: 'text' },
];

test('changes become lines with the short form of their kind', () => {
  const encoder = changelogEncoder();
  const target = Buffer.alloc(1_000);
  let end = 0;
  for (const change of changes) end = encoder.encode(change, target, end);
  const lines = target.toString('utf8', 0, end);
  expect(lines).toBe(
    [
      '{"op":"+I","row":{"key":"a","n":1}}',
      '{"op":"-U","row":{"key":"a","n":1}}',
      '{"op":"+U","row":{"key":"ä","n":2}}',
      '{"op":"-D","row":"text"}',
      '',
    ].join('\n'),
  );
  expect(changes.map((change) => Buffer.from(encoder.encodeAlone(change)).toString()).join('')).toBe(lines);
});

test('JSON lines take inserts, or all changes when told to', () => {
  expect('changes' in jsonLines({ path: 'out/' })).toBe(false);
  const sink = jsonLines({ path: 'out/', changelog: true });
  expect(sink.changes).toBe('all');
  expect(sink.describe()).toMatchObject({ path: 'out/', changelog: true });
});
