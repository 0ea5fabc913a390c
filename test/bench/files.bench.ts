// What reads and writes files, on one thread: rows as records, against what a program without an engine would write.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import type { OperatorState, Sink } from '@millrace/api';
import { nodeFilePort } from '@millrace/common/node';
import { csv, jsonLines, parquet } from '@millrace/connector-files';
import { nexmarkBids, type Bid } from '@millrace/connector-nexmark';
import { compareEach, sink as keep, type Bench, type Row, type Wants, type Work } from './compare.ts';
import { duckDbRows, writeEvents } from './files-duckdb.ts';
import { eventRows, writeAllEvents } from './files-events.ts';
import { contextOf, FLIGHT_FIELDS, NUMBERS, readAll, SHARED, type Paths } from './read-files.ts';

const BIDS = 100_000;
const BATCH = 4_096;
const COLUMNS: readonly (keyof Bid)[] = ['auction', 'bidder', 'price', 'channel', 'url', 'dateTime', 'extra'];
const FLIGHTS = 3_000_000;
/** Writes all bids through a sink's writer, synced, and takes its files away. */
async function writeAll(sink: Sink<Bid>, directory: string, bids: readonly Bid[]): Promise<number> {
  const context = {
    ...contextOf(directory),
    runId: 'bench',
    operatorUid: 'bench',
    attemptNumber: 1,
    operatorState: {} as OperatorState,
  };
  const writer = await sink.openWriter(context, []);
  for (const bid of bids) writer.write(bid, 0);
  writer.flush?.();
  await writer.prepareCommit(1);
  await writer.close();
  removeFiles(join(directory, 'out'));
  return bids.length;
}

function removeFiles(directory: string): void {
  for (const name of readdirSync(directory)) rmSync(join(directory, name));
}

async function bidsOf(count: number): Promise<readonly Bid[]> {
  const source = nexmarkBids({ events: Math.ceil(count / 46) * 50, splits: 1 });
  const bids: Bid[] = [];
  for (const split of await source.enumerate(contextOf('/'))) {
    const reader = await source.openSplit(split, undefined, contextOf('/'));
    for (let batch = await reader.read(BATCH); batch !== undefined; batch = await reader.read(BATCH)) {
      if (batch.kind !== 'computed') throw new Error('bids are computed');
      for (let row = batch.from; row < batch.to; row++)
        bids.push(
          Object.fromEntries(batch.columns.map(({ name, valueAt }) => [name, valueAt(row)])) as never,
        );
    }
  }
  return bids.slice(0, count).map((bid) => ({ ...bid, extra: Buffer.from(bid.extra).toString('latin1') }));
}

function csvLine(bid: Bid): string {
  return `${COLUMNS.map((name) => String(bid[name])).join()}\n`;
}

async function readingRows({ directory, ...paths }: Paths, wants: Wants): Promise<Row[]> {
  const context = contextOf(directory);
  const parseLines: Work = () => {
    const lines = readFileSync(paths.jsonl, 'utf8').split('\n');
    for (const line of lines) if (line !== '') keep(JSON.parse(line));
    return lines.length - 1;
  };
  const splitLines: Work = () => {
    const lines = readFileSync(paths.csv, 'utf8').split('\n');
    for (let index = 1; index < lines.length - 1; index++) {
      const [auction, bidder, price, channel, url, dateTime, extra] = (lines[index] as string).split(',');
      keep({
        auction: Number(auction),
        bidder: Number(bidder),
        price: Number(price),
        channel,
        url,
        dateTime: Number(dateTime),
        extra,
      });
    }
    return lines.length - 2;
  };
  const readFlights = async (fields: string[]): Promise<number> => {
    const file = await asyncBufferFromFile(paths.flights);
    const rows = await parquetReadObjects({ file, compressors, columns: fields });
    keep(rows);
    return FLIGHTS;
  };
  const flights = parquet<Record<string, unknown>>({ path: paths.flights });
  return compareEach(
    [
      {
        ...SHARED,
        what: 'JSON lines, bids',
        against: 'JSON.parse of each line',
        baseline: parseLines,
        ours: () => readAll(jsonLines<Bid>({ path: paths.jsonl }), context, keep),
      },
      {
        ...SHARED,
        what: 'CSV, bids',
        against: 'split at commas, no quotes',
        baseline: splitLines,
        ours: () => readAll(csv<Bid>({ path: paths.csv, types: NUMBERS }), context, keep),
      },
      {
        ...SHARED,
        rounds: 1,
        what: 'Parquet, flights, five columns',
        against: 'hyparquet',
        baseline: () => readFlights([...FLIGHT_FIELDS]),
        ours: () => readAll(flights, contextOf(directory, FLIGHT_FIELDS), keep),
      },
    ],
    wants,
  );
}

async function writingRows({ directory }: Paths, bids: readonly Bid[], wants: Wants): Promise<Row[]> {
  const out = join(directory, 'out');
  const written = (lineOf: (bid: Bid) => string): Work => {
    return () => {
      writeFileSync(join(out, 'baseline'), bids.map(lineOf).join(''));
      return bids.length;
    };
  };
  return compareEach(
    [
      {
        ...SHARED,
        what: 'write JSON lines, bids',
        against: 'JSON.stringify of each',
        baseline: written((bid) => `${JSON.stringify(bid)}\n`),
        ours: () => writeAll(jsonLines<Bid>({ path: 'out' }), directory, bids),
      },
      {
        ...SHARED,
        what: 'write CSV, bids',
        against: 'joined with commas',
        baseline: written(csvLine),
        ours: () => writeAll(csv<Bid>({ path: 'out', columns: COLUMNS }), directory, bids),
      },
    ],
    wants,
  );
}

export const filesBench: Bench = {
  name: 'files',
  run: async (wants = () => true) => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-bench-files-'));
    try {
      const paths: Paths = {
        directory,
        jsonl: join(directory, 'bids.jsonl'),
        events: join(directory, 'events.parquet'),
        allEvents: join(directory, 'all-events.parquet'),
        allEventsLines: join(directory, 'all-events.jsonl'),
        csv: join(directory, 'bids.csv'),
        flights: join(process.cwd(), 'test/node_modules/vega-datasets/data/flights-3m.parquet'),
      };
      const bids = await bidsOf(BIDS);
      writeFileSync(paths.jsonl, bids.map((bid) => `${JSON.stringify(bid)}\n`).join(''));
      writeFileSync(paths.csv, [`${COLUMNS.join()}\n`, ...bids.map(csvLine)].join(''));
      await writeEvents(paths);
      await writeAllEvents(paths);
      await nodeFilePort.makeDirectory(join(directory, 'out'));
      return [
        ...(await readingRows(paths, wants)),
        ...(await duckDbRows(paths, wants)),
        ...(await eventRows(paths, wants)),
        ...(await writingRows(paths, bids, wants)),
      ];
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
};
