// Every query on a cluster in this process, against what Flink's SQL answers on the same events.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PlannableJob } from '@millrace/api';
import type { NexmarkEvent, NexmarkOptions } from '@millrace/connector-nexmark';
import { executeJob } from '@millrace/embedded';
import { writeEventFile } from '../../examples/nexmark/event-file.mjs';
import { q6ByLoops } from './q6-by-loops.ts';
import { digestOf, finalLines, readRows, type Digest } from './results.ts';

interface Fixture {
  /** Parameters of the events. */
  readonly events: { readonly [name: string]: string };
  readonly queries: { readonly [query: string]: Digest };
}

const fixture = JSON.parse(readFileSync(new URL('./flink-results.json', import.meta.url), 'utf8')) as Fixture;
let directory = '';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-nexmark-'));
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** What updates of a query end in. */
async function resultOf(
  query: string,
  parallelism: number,
  params: { readonly [name: string]: string } = fixture.events,
): Promise<readonly string[]> {
  const out = mkdtempSync(join(directory, `${query}-`));
  const { default: job } = (await import(`../../examples/nexmark/${query}.ts`)) as { default: PlannableJob };
  await executeJob(job, { parallelism, params: { ...params, out }, baseDirectory: directory });
  return finalLines(query, readRows(out));
}

const options = Object.fromEntries(
  Object.entries(fixture.events).map(([name, value]) => [name, Number(value)]),
) as NexmarkOptions;

/** All events, without an engine. */
async function allEvents(): Promise<readonly NexmarkEvent[]> {
  const path = join(directory, 'all.jsonl');
  await writeEventFile(path, options);
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as NexmarkEvent);
}

describe.each(Object.entries(fixture.queries))('%s', (query, expected) => {
  test.each([1, 2, 4])('gives what Flink gives, with parallelism %i', async (parallelism) => {
    expect(digestOf(await resultOf(query, parallelism))).toEqual(expected);
  });
});

test.each(['events.jsonl', 'events.parquet'])('queries read %s, and give the same', async (name) => {
  const input = join(directory, name);
  await writeEventFile(input, options);
  for (const query of ['q3', 'q5', 'q8', 'q18'])
    expect(digestOf(await resultOf(query, 2, { input })), query).toEqual(fixture.queries[query]);
  const inOrder = await resultOf('q5', 2, { input, ordered: 'true' });
  expect(digestOf(inOrder)).toEqual(fixture.queries['q5']);
});

/** The event as another program may have written it: fields in another order, one more, absent kinds as null, times in ISO 8601. */
function lineOfOthers(event: NexmarkEvent, index: number): string {
  const iso = (time: number): string => {
    const text = new Date(time).toISOString();
    return (
      [text, text.slice(0, -1), text.slice(0, -1).replace('T', ' '), text.replace('Z', '+00:00')][
        index % 4
      ] ?? text
    );
  };
  const { event_type, ...kinds } = event;
  const objects = Object.entries(kinds).map(([kind, fields]) => [
    kind,
    Object.fromEntries(
      [...Object.entries(fields as object), ['note', 'é"\\\n']]
        .reverse()
        .map(([name, value]) => [
          name,
          name === 'dateTime' || name === 'expires' ? iso(value as number) : value,
        ]),
    ),
  ]);
  return JSON.stringify({
    person: null,
    auction: null,
    bid: null,
    ...Object.fromEntries(objects),
    event_type,
  });
}

test('queries read files of others, with times in ISO 8601', async () => {
  const input = join(directory, 'others.jsonl');
  // The last line has no end.
  writeFileSync(input, (await allEvents()).map(lineOfOthers).join('\r\n'));
  for (const query of ['q5', 'q9'])
    expect(digestOf(await resultOf(query, 2, { input })), query).toEqual(fixture.queries[query]);
});

test('q10 writes CSV by day and minute, and loses nothing', async () => {
  const files = join(directory, 'q10-files');
  const { default: job } = (await import('../../examples/nexmark/q10.ts')) as { default: PlannableJob };
  await executeJob(job, { parallelism: 2, params: { ...fixture.events, files }, baseDirectory: directory });
  const minutes = readdirSync(join(files, 'day=2026-01-01')).sort();
  expect(minutes).toEqual(['minute=00%3A00']);
  const lines = minutes.flatMap((minute) =>
    readdirSync(join(files, 'day=2026-01-01', minute)).flatMap((name) =>
      readFileSync(join(files, 'day=2026-01-01', minute, name), 'utf8')
        .trimEnd()
        .split('\n')
        .slice(1),
    ),
  );
  expect(lines).toHaveLength(fixture.queries['q10']?.rows ?? 0);
});

test.each([1, 2, 4])('q6 gives what loops give, with parallelism %i', async (parallelism) => {
  const rows = q6ByLoops(await allEvents());
  expect(await resultOf('q6', parallelism)).toEqual(finalLines('q6', rows));
});

test('q12 counts each bid once, in windows of ten seconds', async () => {
  const rows = (await resultOf('q12', 2)).map(
    (line) =>
      Object.fromEntries(JSON.parse(line) as [string, number][]) as { readonly [field: string]: number },
  );
  const total = rows.reduce((sum, { bids }) => sum + (bids as number), 0);
  expect(total).toBe((Number(fixture.events['events']) / 50) * 46);
  for (const { window_start, window_end } of rows)
    expect((window_end as number) - (window_start as number)).toBe(10_000);
});
