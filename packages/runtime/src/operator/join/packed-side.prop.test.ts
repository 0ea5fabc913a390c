// Packed rows of a key against a plain array, in either form of them from one restore to the next.
import fc from 'fast-check';
import { hashKey, type Clock } from '@millrace/common';
import type { KeyedStateBackend } from '@millrace/state';
import { MemoryBlobStore } from '@millrace/testing';
import { expect, test } from 'vitest';
import { openTestBackend } from '../backend.testing.ts';
import { EarlierRows } from './earlier-rows.ts';
import { openPackedTable, PackedSide } from './packed-side.ts';
import { openRowTable, RowSet } from './row-set.ts';

const KEYS = [0, 1, 2];
const clock = { nowMs: () => 1 } as Clock;

interface Sides {
  readonly packed: boolean;
  readonly add: (side: 'left' | 'right', row: unknown) => void;
  readonly clear: (side: 'left' | 'right') => void;
  readonly rows: (side: 'left' | 'right') => readonly unknown[];
}

/** Both sides in one form; what is there in the other one is moved when its key is asked for. */
function openSides(backend: KeyedStateBackend, isPacked: boolean, isOnlyRow: boolean): Sides {
  const packedTable = openPackedTable(backend);
  const table = openRowTable(backend);
  const packed = (side: 'left' | 'right') => new PackedSide(backend, { table: packedTable, side, isOnlyRow });
  const identity = isOnlyRow ? 'join key' : 'none';
  const values = (side: 'left' | 'right') => new RowSet(backend, { table, side, identity, ttlMs: 0, clock });
  const packedSides = { left: packed('left'), right: packed('right') };
  const valueSides = { left: values('left'), right: values('right') };
  const [from, to, earlierTable] = isPacked
    ? [valueSides, packedSides, table]
    : [packedSides, valueSides, packedTable];
  const earlier = new EarlierRows(backend, earlierTable, [
    { from: from.left, to: to.left },
    { from: from.right, to: to.right },
  ]);
  const find = (): number => {
    earlier.moveCurrent();
    return packedTable.find(backend.currentKey, backend.currentKeyHash, 0);
  };
  return {
    packed: isPacked,
    add: (side, row) => {
      const at = find();
      if (isPacked) packedSides[side].add(at, row, undefined, -1);
      else valueSides[side].add(row, 0);
    },
    clear: (side) => {
      const at = find();
      if (!isPacked) valueSides[side].clear();
      else if (packedSides[side].countAt(at) !== 0) packedSides[side].clear(at);
    },
    rows: (side) => {
      const at = find();
      return isPacked
        ? packedSides[side].rowsAt(at)
        : valueSides[side].found().flatMap(({ kept }) => Array.from({ length: kept.count }, () => kept.row));
    },
  };
}

const row = fc.oneof(
  fc.record({ id: fc.nat(3), text: fc.constantFrom('a', 'ü€', 'long '.repeat(40)) }),
  fc.constantFrom<unknown>(5, 'text', null, [1, { a: new Date(3) }]),
);
const step = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      what: fc.constant('add' as const),
      side: fc.constantFrom('left' as const, 'right' as const),
      key: fc.constantFrom(...KEYS),
      row,
      // More than a list has room for.
      times: fc.oneof(
        { weight: 20, arbitrary: fc.constant(1) },
        { weight: 1, arbitrary: fc.constant(1_030) },
      ),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constant('clear' as const),
      side: fc.constantFrom('left' as const, 'right' as const),
      key: fc.constantFrom(...KEYS),
    }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('restore' as const), isPacked: fc.boolean() }) },
);

const texts = (rows: readonly unknown[]): readonly string[] =>
  rows.map((each) => JSON.stringify(each)).sort();

test.each([true, false])(
  'a packed side has what was put in, whatever form it was in and wherever it is (one row a key: %s)',
  async (isOnlyRow) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.boolean(), async (steps, isTiny) => {
        let backend = await openTestBackend(undefined, isTiny);
        let sides = openSides(backend, true, isOnlyRow);
        const model = new Map<string, unknown[]>();
        const blobStore = new MemoryBlobStore();
        let restores = 0;
        for (const of of steps) {
          if (of.what === 'restore') {
            const frozen = backend.freeze(++restores);
            // What comes behind a freeze is in no snapshot.
            for (const key of KEYS) {
              backend.setCurrentKey(key, hashKey(key));
              sides.add('left', { late: key });
              sides.clear('right');
            }
            const { files } = await frozen.write(blobStore, `${restores}-`);
            backend = await openTestBackend({ files, blobStore }, isTiny);
            sides = openSides(backend, of.isPacked, isOnlyRow);
          } else {
            backend.setCurrentKey(of.key, hashKey(of.key));
            const name = `${of.side} ${of.key}`;
            const rows = of.what === 'clear' || isOnlyRow ? [] : (model.get(name) ?? []);
            if (of.what === 'clear') sides.clear(of.side);
            else
              for (let copy = 0; copy < of.times; copy++) {
                sides.add(of.side, of.row);
                if (!isOnlyRow || copy === 0) rows.push(of.row);
              }
            model.set(name, rows);
          }
          await backend.relieve();
          for (const key of KEYS) {
            backend.setCurrentKey(key, hashKey(key));
            for (const side of ['left', 'right'] as const)
              expect(texts(sides.rows(side))).toEqual(texts(model.get(`${side} ${key}`) ?? []));
          }
        }
        if (sides.packed && [...model.values()].every(({ length }) => length === 0))
          expect(backend.entryCount).toBe(0);
      }),
      { numRuns: 60 },
    );
  },
);
