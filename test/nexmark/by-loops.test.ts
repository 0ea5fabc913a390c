// Queries whose results Flink cannot give, or not as they are defined, against plain loops over the same events.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { NexmarkEvent } from '@millrace/connector-nexmark';
import { writeEventFile } from '../../examples/nexmark/event-file.mjs';
import { allEvents, optionsOf, type Params } from './all-events.ts';
import { q18ByLoops, q19ByLoops, q9ByLoops, tiedAuctions } from './bids-by-loops.ts';
import { directoriesOf, q10ByLoops, q10InFiles } from './q10-by-loops.ts';
import { q12ByLoops, q12Totals } from './q12-by-loops.ts';
import { q6ByLoops } from './q6-by-loops.ts';
import { finalLines, wholeLines, type Row } from './results.ts';
import { resultOf, rowsOf, runQuery } from './run-query.ts';

/** A minute. */
const EVENTS = { events: '12000', eventRate: '200', seed: '3', disorder: '100' };
/** Ten minutes; groups of events out of order last two and a half seconds. */
const MINUTES = { events: '12000', eventRate: '20', seed: '11', disorder: '50' };
const PARALLELISMS = [1, 2, 4];
const DAY_MS = 86_400_000;

let directory = '';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-nexmark-loops-'));
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** What q10 wrote, as sorted lines `directory/row`. */
async function filesOfQ10(parallelism: number, params: Params): Promise<readonly string[]> {
  const files = mkdtempSync(join(directory, 'q10-files-'));
  await runQuery('q10', { parallelism, params: { ...params, files }, directory });
  return q10InFiles(files);
}

test.each(PARALLELISMS)('q6 gives what loops give, with parallelism %i', async (parallelism) => {
  const expected = finalLines('q6', q6ByLoops(await allEvents(EVENTS)));
  expect(await resultOf('q6', { parallelism, params: EVENTS, directory })).toEqual(expected);
});

test('q6 and q12 give what loops give from a file', async () => {
  const input = join(directory, 'events.parquet');
  await writeEventFile(input, optionsOf(EVENTS));
  const events = await allEvents(EVENTS);
  const prices = await resultOf('q6', { parallelism: 2, params: { input }, directory });
  expect(prices).toEqual(finalLines('q6', q6ByLoops(events)));
  const counts = await rowsOf('q12', { parallelism: 2, params: { input }, directory });
  expect(q12Totals(counts)).toEqual(q12ByLoops(events));
});

// Flink's fixtures have what cannot tie: these have all fields, of auctions on which no bids tie.
describe.each(PARALLELISMS)('with parallelism %i', (parallelism) => {
  test.each([
    ['q9', q9ByLoops],
    ['q18', q18ByLoops],
    ['q19', q19ByLoops],
  ])('%s gives the rows that loops give, with all their fields', async (query, byLoops) => {
    const events = await allEvents(EVENTS);
    const tied = tiedAuctions(events);
    const isCertain = ({ auction }: Row): boolean => !tied.has(auction);
    const rows = byLoops(events).filter(isCertain);
    expect(rows.length).toBeGreaterThan(500);
    const given = (await rowsOf(query, { parallelism, params: EVENTS, directory })).filter(isCertain);
    expect(wholeLines(query, given)).toEqual(wholeLines(query, rows));
  });
});

test.each(PARALLELISMS)(
  'q10 writes each bid once, into the directory of its minute, with parallelism %i',
  async (parallelism) => {
    const expected = q10ByLoops(await allEvents(MINUTES));
    expect(directoriesOf(expected)).toHaveLength(10);
    expect(await filesOfQ10(parallelism, MINUTES)).toEqual(expected);
  },
);

/** The event as if it had happened later. */
function later(event: NexmarkEvent, byMs: number): NexmarkEvent {
  if (event.event_type !== 2) return event;
  return { ...event, bid: { ...event.bid, dateTime: event.bid.dateTime + byMs } };
}

test('q10 writes the bids around midnight into the directories of two days', async () => {
  const events = (await allEvents(MINUTES)).map((event) => later(event, DAY_MS - 4 * 60_000));
  const input = join(directory, 'around-midnight');
  mkdirSync(input);
  // A file for each subtask, and each with events of all minutes.
  for (const index of [0, 1])
    writeFileSync(
      join(input, `${index}.jsonl`),
      events
        .filter((_, at) => at % 2 === index)
        .map((event) => `${JSON.stringify(event)}\n`)
        .join(''),
    );
  const expected = q10ByLoops(events);
  const [first, ...others] = directoriesOf(expected);
  expect(first).toBe('day=2026-01-01/minute=23%3A56');
  expect(others).toHaveLength(9);
  expect(others.at(-1)).toBe('day=2026-01-02/minute=00%3A05');
  expect(await filesOfQ10(2, { input: join(input, '*.jsonl') })).toEqual(expected);
});

test.each(PARALLELISMS)(
  'q12 counts each bid of each bidder once, in windows of ten seconds, with parallelism %i',
  async (parallelism) => {
    const rows = await rowsOf('q12', { parallelism, params: EVENTS, directory });
    expect(q12Totals(rows)).toEqual(q12ByLoops(await allEvents(EVENTS)));
  },
);
