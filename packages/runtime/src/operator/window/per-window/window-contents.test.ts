import { hashKey } from '@millrace/common';
import type { AggregateSpec } from '@millrace/api';
import { expect, test } from 'vitest';
import { aggregateLayout } from '../../aggregate/aggregate-layout.ts';
import { openTestBackend } from '../../backend.testing.ts';
import { AccumulatedContents } from './window-contents.ts';

const PANES = [0, 1, 2, 3].map((pane) => ({ key: ['k', pane], hash: hashKey(['k', pane]) }));
const BOUNDS = { start: 0, end: 6 };

type Of = Parameters<typeof aggregateLayout>[1];

async function open(aggregates: { readonly [name: string]: AggregateSpec<number> }) {
  const of = { node: {}, sites: { register: () => 0, refusePromise: () => undefined } } as unknown as Of;
  const layout = aggregateLayout(aggregates as unknown as Parameters<typeof aggregateLayout>[0], of);
  const backend = await openTestBackend();
  const contents = new AccumulatedContents(backend, layout, { codegenId: 'contents', head: 'none' });
  return {
    add: (pane: number, record: number) => contents.add(PANES[pane] as (typeof PANES)[number], record),
    merged: (from: number, to: number) => contents.takeMerged(PANES.slice(from, to), 'k', BOUNDS),
  };
}

test('panes that are merged stay as they are, also where `merge` returns its second part', async () => {
  const total = {
    kind: 'custom',
    create: () => ({ total: 0 }),
    add: (sum: { total: number }, record: number) => {
      sum.total += record;
      return sum;
    },
    merge: (a: { total: number }, b: { total: number }) => {
      if (a.total === 0) return b;
      a.total += b.total;
      return a;
    },
    result: (sum: { total: number }) => sum.total,
  } as unknown as AggregateSpec<number>;
  const { add, merged } = await open({ all: total, large: { ...total, where: (record) => record >= 100 } });
  add(0, 0);
  add(1, 100);
  add(2, 1_000);
  expect(merged(0, 3)).toEqual({ all: 1_100, large: 1_100 });
  expect(merged(0, 3)).toEqual({ all: 1_100, large: 1_100 });
  add(3, 10_000);
  expect(merged(1, 4)).toEqual({ all: 11_100, large: 11_100 });
});

test('a first record that a function fails on leaves no accumulator behind', async () => {
  const { add, merged } = await open({
    least: {
      kind: 'min',
      select: (record) => {
        if (record < 0) throw new Error('too small');
        return record;
      },
    },
  });
  expect(() => add(0, -1)).toThrow('too small');
  expect(merged(0, 1)).toBeUndefined();
  add(0, 5);
  expect(merged(0, 1)).toEqual({ least: 5 });
});
