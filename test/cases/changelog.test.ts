// What Flink's operators over changelogs answer, and ours the same: each case as it is, and with a restore after every step.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { ChangelogCase } from './changelog-case.ts';
import { runChangelogCase } from './run-changelog-case.ts';

/** Cases that we mean to answer otherwise, and why. */
const DIFFERENT: { readonly [name: string]: string } = {};

const { cases } = JSON.parse(readFileSync(new URL('changelog.json', import.meta.url), 'utf8')) as {
  readonly cases: readonly ChangelogCase[];
};

describe('operators over changelogs answer what Flink answers', () => {
  test.each(cases.filter(({ name }) => !(name in DIFFERENT)).map((of) => [of.name, of] as const))(
    '%s',
    async (_name, of) => {
      for (const restoresAtEveryStep of [false, true]) {
        const checks = await runChangelogCase(of, { restoresAtEveryStep });
        expect(checks.length).toBeGreaterThan(0);
        for (const { actual, expected } of checks) expect(actual).toEqual(expected);
      }
    },
  );

  test('every case that differs is one', () => {
    const names = new Set(cases.map(({ name }) => name));
    expect(Object.keys(DIFFERENT).filter((name) => !names.has(name))).toEqual([]);
  });
});
