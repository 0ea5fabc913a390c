// What Flink answers for joins.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { runCase, type JoinCase } from './joins.adapter.ts';
import { JOIN_DIFFERENCES } from './joins.differences.ts';

const { cases } = JSON.parse(readFileSync(new URL('joins.json', import.meta.url), 'utf8')) as {
  readonly cases: readonly JoinCase[];
};

test('all cases of joins are there', () => {
  expect(cases).toHaveLength(49);
  const names = new Set(cases.map(({ name }) => name));
  expect(Object.keys(JOIN_DIFFERENCES).filter((name) => !names.has(name))).toEqual([]);
});

const isRefused = ({ steps }: JoinCase): boolean =>
  steps.some(({ expectError }) => expectError !== undefined);
const compared = cases.filter(({ name }) => !(name in JOIN_DIFFERENCES));

describe('joins answer as Flink does', () => {
  test.each(compared.filter((of) => !isRefused(of)))('$name', async (of) => {
    await runCase(of, false);
  });

  test.each(compared.filter((of) => !isRefused(of)))('$name, restored after every step', async (of) => {
    await runCase(of, true);
  });

  test.each(compared.filter(isRefused))('$name: the graph is refused', async (of) => {
    await expect(runCase(of, false)).rejects.toThrow(/without `(lower|upper)`/);
  });
});
