// Queries that look at the hour or the day, on events of 28 hours, against what Flink's SQL answers on the same events.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { flinkResults } from './flink-results.ts';
import { digestOf } from './results.ts';
import { resultOf } from './run-query.ts';

const fixture = flinkResults('days');
/** Texts that a result must have, or the events would not show what they are for. */
const SEEN: { readonly [query: string]: readonly string[] } = {
  q14: ['"nightTime"', '"otherTime"', '"dayTime"'],
  q15: ['"2026-01-01"', '"2026-01-02"'],
  q16: ['"2026-01-01"', '"2026-01-02"'],
  q17: ['"2026-01-01"', '"2026-01-02"'],
};

let directory = '';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-nexmark-days-'));
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe.each(Object.entries(fixture.queries))('%s', (query, expected) => {
  test.each([1, 4])('gives what Flink gives, with parallelism %i', async (parallelism) => {
    const lines = await resultOf(query, { parallelism, params: fixture.events, directory });
    for (const text of SEEN[query] ?? [])
      expect(
        lines.some((line) => line.includes(text)),
        text,
      ).toBe(true);
    expect(digestOf(lines)).toEqual(expected);
  });
});
