// What Flink answers in cases that the other files do not have: late rows, gaps between windows, evictors that leave nothing, ties.
/* oxlint-disable vitest/expect-expect -- the cases of windows and joins are compared where they run */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { ChangelogCase } from './changelog-case.ts';
import { runCase, type JoinCase } from './joins.adapter.ts';
import { runChangelogCase } from './run-changelog-case.ts';
import { runWindowCase } from './run-window-case.ts';
import { variantsOf } from './window-adapter.ts';
import type { WindowCase } from './window-case.ts';

const { windows, joins, changelog } = JSON.parse(
  readFileSync(new URL('flink-more.json', import.meta.url), 'utf8'),
) as {
  readonly windows: readonly WindowCase[];
  readonly joins: readonly JoinCase[];
  readonly changelog: readonly ChangelogCase[];
};

describe('as Flink, also with a restore after every step', () => {
  test.each(windows)('$name', async (of) => {
    for (const variant of variantsOf(of)) {
      await runWindowCase(of, variant, false);
      await runWindowCase(of, variant, true);
    }
  });

  test.each(joins)('$name', async (of) => {
    await runCase(of, false);
    await runCase(of, true);
  });

  test.each(changelog)('$name', async (of) => {
    for (const restoresAtEveryStep of [false, true]) {
      const checks = await runChangelogCase(of, { restoresAtEveryStep });
      expect(checks.length).toBeGreaterThan(0);
      for (const { actual, expected } of checks) expect(actual).toEqual(expected);
    }
  });
});
