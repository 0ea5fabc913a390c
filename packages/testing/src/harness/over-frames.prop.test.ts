// OVER frames that are long enough to be folded in two stacks, against folding all rows of each frame.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { avg, count, max, min, sum, type DataStream } from '@millrace/api';
import { ChainHarness } from './chain-harness.ts';

interface Row {
  readonly key: string;
  readonly value: number;
  readonly ms: number;
}

const BAD = -1;

interface Frame {
  readonly rows?: number;
  readonly range?: number;
}

const runs = fc.record({
  frame: fc.constantFrom<Frame>({ rows: 20 }, { rows: 40 }, { range: 30 }, { range: 90 }),
  values: fc.constantFrom(
    fc.nat({ max: 9 }),
    fc.oneof(fc.nat({ max: 9 }), fc.constantFrom(0.1, 0.2, 1e16, -0)),
  ),
  steps: fc.integer({ min: 40, max: 200 }),
  gaps: fc.constantFrom(0, 1, 3),
  badEvery: fc.constantFrom(0, 37),
  restoredAt: fc.nat({ max: 200 }),
  seed: fc.nat(),
});

type Run = typeof runs extends fc.Arbitrary<infer Drawn> ? Drawn : never;

function rowsOf({ values, steps, gaps, badEvery, seed }: Run): readonly Row[] {
  const drawn = fc.sample(values as fc.Arbitrary<number>, { numRuns: steps, seed });
  return drawn.map((value, index) => ({
    key: index % 5 === 0 ? 'b' : 'a',
    value: badEvery > 0 && index % badEvery === badEvery - 1 ? BAD : value,
    ms: 1 + index * gaps,
  }));
}

/** What each row sees, in the order of the rows: of one time all of them, where the frame is a range. */
function expectedOf({ frame: { rows: preceding, range } }: Run, rows: readonly Row[]): readonly unknown[] {
  const groups = new Map<string, readonly Row[]>();
  for (const row of rows) {
    const id = range !== undefined ? `${row.key} ${row.ms}` : `${row.key} ${groups.size}`;
    groups.set(id, [...(groups.get(id) ?? []), row]);
  }
  const good: Row[] = [];
  return [...groups.values()].flatMap((all) => {
    const peers = all.filter(({ value }) => value !== BAD);
    good.push(...peers);
    return peers.map((row) => {
      const own = good.filter(
        ({ key, ms }) => key === row.key && (range === undefined || ms >= row.ms - range),
      );
      const seen = preceding === undefined ? own : own.slice(-preceding - 1);
      const total = seen.reduce((of, { value }) => of + value, 0);
      return {
        ...row,
        n: seen.length,
        total,
        mean: total / seen.length,
        least: Math.min(...seen.map(({ value }) => value)),
        most: Math.max(...seen.map(({ value }) => value)),
      };
    });
  });
}

const checked = ({ value }: { readonly value: number }): number => {
  if (value === BAD) throw new Error('bad');
  return value;
};

test('OVER gives what folding the whole frame of each row gives, also of fractions, failures and restores', async () => {
  await fc.assert(
    fc.asyncProperty(runs, async (run) => {
      const rows = rowsOf(run);
      const options = {
        operators: (input: DataStream<Row>) =>
          input
            .keyBy(({ key }) => key)
            .over(
              {
                n: count(),
                total: sum(checked),
                mean: avg(checked),
                least: min(checked),
                most: max(checked),
              },
              run.frame,
            )
            .onError('skip'),
        parallelism: 1,
      };
      let harness = await ChainHarness.open<Row>(options);
      const emitted: unknown[] = [];
      for (const [index, row] of rows.entries()) {
        harness.send([{ value: row, atMs: row.ms }]);
        const isLast = rows[index + 1]?.ms !== row.ms;
        if (isLast) harness.watermark(row.ms);
        emitted.push(...harness.emitted.splice(0).map(({ record }) => record));
        if (index !== run.restoredAt) continue;
        const restore = await harness.snapshot(1);
        await harness.close();
        harness = await ChainHarness.open<Row>({
          ...options,
          restore,
          blobStore: harness.blobStore,
          attemptNumber: 2,
        });
      }
      await harness.close();
      expect(emitted.map((row) => JSON.stringify(row)).sort()).toEqual(
        expectedOf(run, rows)
          .map((row) => JSON.stringify(row))
          .sort(),
      );
    }),
    { numRuns: 40 },
  );
});
