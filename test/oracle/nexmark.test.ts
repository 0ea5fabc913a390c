// Queries of Nexmark give what DuckDB gives for the events written as JSON lines or Parquet.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PlannableJob } from '@millrace/api';
import { executeJob } from '@millrace/embedded';
import { writeEventFile } from '../../examples/nexmark/event-file.mjs';
import { readRows } from '../nexmark/results.ts';
import { askDuck } from './duck.ts';
import { duckRows, textOf } from './rows.ts';

/** A minute of events; each comes up to half a second out of order. */
const EVENTS = { events: 12_000, eventRate: 200, seed: 17, disorder: 100 };

let directory = '';

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-oracle-'));
  for (const name of ['events.jsonl', 'events.parquet']) await writeEventFile(join(directory, name), EVENTS);
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** The tables `persons`, `auctions` and `bids`, with times in milliseconds. */
function tablesOf(file: string): string {
  const isParquet = file.endsWith('.parquet');
  const path = join(directory, file);
  const events = isParquet ? `read_parquet('${path}')` : `read_json('${path}', format = 'newline_delimited')`;
  const time = (name: string): string => (isParquet ? `epoch_ms(${name})` : name);
  return `
    create table persons as
      select p.* replace (${time('p.dateTime')} as dateTime) from (select unnest(person) from ${events} where event_type = 0) p;
    create table auctions as
      select a.* replace (${time('a.dateTime')} as dateTime, ${time('a.expires')} as expires)
      from (select unnest(auction) from ${events} where event_type = 1) a;
    create table bids as
      select b.* replace (${time('b.dateTime')} as dateTime) from (select unnest(bid) from ${events} where event_type = 2) b;`;
}

const QUERIES = {
  q3: `
    select p.name, p.city, p.state, a.id from auctions a join persons p on a.seller = p.id
    where a.category = 10 and p.state in ('OR', 'ID', 'CA')`,
  q5: `
    select start as window_start, auction, bids from (
      select *, max(bids) over (partition by start) as most from (
        select auction, start, count(*) as bids
        from (select auction, (dateTime // 2000 - k) * 2000 as start from bids, range(5) slides(k))
        group by auction, start))
    where bids = most`,
  q7: `
    select auction, bidder, price, dateTime, extra from bids
    qualify price = max(price) over (partition by dateTime // 10000)`,
  q8: `
    select p.id, any_value(p.name) as name, p.dateTime // 10000 * 10000 as window_start
    from persons p join auctions a on p.id = a.seller and p.dateTime // 10000 = a.dateTime // 10000
    group by p.id, p.dateTime // 10000`,
  q11: `
    select bidder, count(*) as bids, min(dateTime) as window_start, max(dateTime) + 10000 as window_end from (
      select *, sum(case when dateTime - before <= 10000 then 0 else 1 end)
        over (partition by bidder order by dateTime rows unbounded preceding) as number from (
          select *, lag(dateTime) over (partition by bidder order by dateTime) as before from bids))
    group by bidder, number`,
  q20: `
    select b.auction, b.bidder, b.price, b.channel, b.url, b.dateTime as bidTime, b.extra as bidExtra, a.itemName,
      a.description, a.initialBid, a.reserve, a.dateTime as auctionTime, a.expires, a.seller, a.category, a.extra as auctionExtra
    from bids b join auctions a on b.auction = a.id where a.category = 10`,
};

async function resultOf(query: string, input: string): Promise<readonly string[]> {
  const out = mkdtempSync(join(directory, `${query}-`));
  const { default: job } = (await import(`../../examples/nexmark/${query}.ts`)) as { default: PlannableJob };
  await executeJob(job, {
    parallelism: 2,
    params: { input: join(directory, input), out },
    baseDirectory: directory,
  });
  return readRows(out).map(textOf).sort();
}

async function isWhatDuckGives(query: keyof typeof QUERIES, input: string): Promise<void> {
  const expected = await duckRows(QUERIES[query], tablesOf(input));
  expect(expected.length).toBeGreaterThan(0);
  expect(await resultOf(query, input)).toEqual(expected);
}

test.each(Object.keys(QUERIES) as (keyof typeof QUERIES)[])('%s over JSON lines', async (query) => {
  await isWhatDuckGives(query, 'events.jsonl');
});

test.each(['q5', 'q8', 'q20'] as const)('%s over Parquet', async (query) => {
  await isWhatDuckGives(query, 'events.parquet');
});

/** As DuckDB writes what it has read: its own types, times with microseconds, row groups of its own. */
test.each(['parquet', 'json'])('q20 over events that DuckDB wrote as %s', async (format) => {
  const events = `read_json('${join(directory, 'events.jsonl')}', format = 'newline_delimited')`;
  const timed = (kind: string, names: readonly string[]): string =>
    `case when ${kind} is null then null else struct_update(${kind}, ${names.map((name) => `${name} := make_timestamp(${kind}.${name} * 1000)`).join(', ')}) end as ${kind}`;
  const name = format === 'json' ? 'duck.jsonl' : 'duck.parquet';
  await askDuck(
    'select 1',
    `
    copy (select event_type, ${timed('person', ['dateTime'])}, ${timed('auction', ['dateTime', 'expires'])}, ${timed('bid', ['dateTime'])} from ${events})
    to '${join(directory, name)}' (format ${format});`,
  );
  const expected = await duckRows(QUERIES.q20, tablesOf('events.jsonl'));
  expect(await resultOf('q20', name)).toEqual(expected);
});
