// Rows of a key against a plain Map, with few of them and with more than a row of the table has room for.
import fc from 'fast-check';
import { hashKey, type Clock } from '@millrace/common';
import type { KeyedStateBackend } from '@millrace/state';
import { MemoryBlobStore } from '@millrace/testing';
import { expect, test } from 'vitest';
import { openTestBackend } from '../backend.testing.ts';
import type { RowIdentity } from './row-identity.ts';
import { openRowTable, RowSet } from './row-set.ts';

interface Row {
  readonly id: number;
  readonly text: string;
}

const clock = { nowMs: () => 1 } as Clock;
const unique = ((row: Row) => row.id) as RowIdentity;

function openSides(backend: KeyedStateBackend, identity: RowIdentity) {
  const table = openRowTable(backend);
  const open = (side: 'left' | 'right') => new RowSet(backend, { table, side, identity, ttlMs: 0, clock });
  return { left: open('left'), right: open('right') };
}

const kept = (rows: RowSet): string[] =>
  rows
    .found()
    .map(({ kept: { row, count, associations } }) => JSON.stringify([row, count, associations]))
    .sort();

const runs = fc.record({
  hasUniqueKey: fc.boolean(),
  restoredAt: fc.nat({ max: 80 }),
  steps: fc.array(
    fc.record({
      side: fc.constantFrom('left' as const, 'right' as const),
      key: fc.nat({ max: 1 }),
      what: fc.constantFrom('add', 'add', 'add', 'retract', 'associate'),
      id: fc.nat({ max: 25 }),
      text: fc.constantFrom('a', 'b'),
    }),
    { maxLength: 160 },
  ),
});

test('a set of rows has what was put in and not taken away, also after a restore', async () => {
  await fc.assert(
    fc.asyncProperty(runs, async ({ hasUniqueKey, restoredAt, steps }) => {
      const identity = hasUniqueKey ? unique : undefined;
      let backend = await openTestBackend();
      let sides = openSides(backend, identity);
      const model = new Map<string, { row: Row; count: number; associations: number }>();
      const expected = (side: string, key: number): string[] =>
        [...model]
          .filter(([id]) => id.startsWith(`${side} ${key} `))
          .map(([, { row, count, associations }]) => JSON.stringify([row, count, associations]))
          .sort();
      for (const [index, { side, key, what, id, text }] of steps.entries()) {
        if (index === restoredAt) {
          const blobStore = new MemoryBlobStore();
          const frozen = backend.freeze(1);
          // What comes behind a freeze is in no snapshot, whichever side is changed first.
          for (const other of [0, 1]) {
            backend.setCurrentKey(other, hashKey(other));
            for (const rows of [sides.left, sides.right]) {
              rows.add({ id: 99, text: 'late' }, 0);
              for (const { kept: each } of rows.found()) rows.retract(each.row);
            }
          }
          const { files } = await frozen.write(blobStore, 'a-');
          backend = await openTestBackend({ files, blobStore });
          sides = openSides(backend, identity);
        }
        backend.setCurrentKey(key, hashKey(key));
        const rows = sides[side];
        const row: Row = { id, text };
        const name = `${side} ${key} ${hasUniqueKey ? id : JSON.stringify(row)}`;
        const before = model.get(name);
        if (what === 'add') {
          rows.add({ ...row }, index);
          model.set(name, { row, count: hasUniqueKey ? 1 : (before?.count ?? 0) + 1, associations: index });
        } else if (what === 'retract') {
          rows.retract({ text, id });
          if (before === undefined || before.count === 1) model.delete(name);
          else model.set(name, { ...before, count: before.count - 1 });
        } else if (before !== undefined) {
          const found = rows.found().find(({ kept: each }) => {
            const other = each.row as Row;
            return other.id === id && (hasUniqueKey || other.text === text);
          });
          if (found !== undefined) rows.setAssociations(found, 1_000 + index);
          model.set(name, { ...before, associations: 1_000 + index });
        }
        const known = rows.look();
        const all = expected(side, key);
        if (known === 0) expect(all).toEqual([]);
        if (known === 1)
          expect(all.map((each) => JSON.parse(each) as unknown[])[0]?.[0]).toEqual(rows.onlyRow);
        expect(kept(rows)).toEqual(all);
      }
      for (const key of [0, 1]) {
        backend.setCurrentKey(key, hashKey(key));
        expect(kept(sides.left)).toEqual(expected('left', key));
        expect(kept(sides.right)).toEqual(expected('right', key));
      }
      if (model.size === 0) expect(backend.entryCount).toBe(0);
    }),
    { numRuns: 150 },
  );
});
