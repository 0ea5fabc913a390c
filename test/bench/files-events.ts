// Nexmark's events in files, as its queries read them: of rows of three kinds those of one, and of these the fields that a query reads.
import { readFileSync, writeFileSync } from 'node:fs';
import { jsonLines, parquet } from '@millrace/connector-files';
import { nexmarkEvents } from '@millrace/connector-nexmark';
import { compareEach, sink as keep, type Row, type Wants, type Work } from './compare.ts';
import { duckDbAnswers, withDuckDb } from './files-duckdb.ts';
import { contextOf, readAll, SHARED, type Paths } from './read-files.ts';

const EVENTS = 100_000;
const BATCH = 50_000;
/** What queries 1 and 2, 0, and 3 read. */
const PRICES = ['auction', 'price', 'dateTime'];
const BIDS = ['auction', 'bidder', 'price', 'dateTime', 'extra'];
const PEOPLE = ['id', 'name', 'city', 'state', 'dateTime'];

/** Writes all three kinds as JSON lines, and what DuckDB makes of these as Parquet. */
export async function writeAllEvents({ directory, allEvents, allEventsLines }: Paths): Promise<void> {
  const source = nexmarkEvents({ events: EVENTS, splits: 1 });
  const lines: string[] = [];
  for (const split of await source.enumerate(contextOf(directory))) {
    const reader = await source.openSplit(split, undefined, contextOf(directory));
    for (let batch = await reader.read(BATCH); batch !== undefined; batch = await reader.read(BATCH)) {
      if (batch.kind !== 'indexed') throw new Error('events are made by their index');
      for (let row = batch.from; row < batch.to; row++)
        lines.push(`${JSON.stringify(batch.recordAt(row))}\n`);
    }
  }
  writeFileSync(allEventsLines, lines.join(''));
  await withDuckDb((connection) =>
    connection.run(
      `copy (select * from read_json('${allEventsLines}', format = 'newline_delimited')) to '${allEvents}' (format parquet)`,
    ),
  );
}

/** Counted in events of all kinds, whichever are read. */
export async function eventRows(
  { directory, allEvents, allEventsLines }: Paths,
  wants: Wants,
): Promise<Row[]> {
  const parseLines: Work = () => {
    const lines = readFileSync(allEventsLines, 'latin1').split('\n');
    for (const line of lines) if (line !== '') keep(JSON.parse(line));
    return EVENTS;
  };
  const readKind = (path: string, kind: string, fields: readonly string[]): Work => {
    const variant = { tag: 'event_type', is: kind === 'bid' ? 2 : 0, among: [0, 1, 2], object: kind };
    const options = { path, variant, times: ['dateTime'] as never[] };
    const source = path.endsWith('.parquet') ? parquet<object>(options) : jsonLines<object>(options);
    return async () => {
      await readAll(source, contextOf(directory, fields), keep);
      return EVENTS;
    };
  };
  const kinds = [
    ['prices of bids', 'bid', PRICES],
    ['bids without their texts but one', 'bid', BIDS],
    ['people', 'person', PEOPLE],
  ] as const;
  return withDuckDb((connection) =>
    compareEach(
      kinds.flatMap(([what, kind, fields]) => {
        const largestOf = fields.map((field) => `max(${kind}.${field})`).join(', ');
        const type = kind === 'bid' ? 2 : 0;
        return [
          {
            ...SHARED,
            what: `JSON lines, events: ${what}`,
            against: 'JSON.parse of each line',
            baseline: parseLines,
            ours: readKind(allEventsLines, kind, fields),
          },
          {
            ...SHARED,
            what: `Parquet, events: ${what}`,
            against: duckDbAnswers,
            baseline: async () => {
              await connection.runAndReadAll(
                `select ${largestOf} from read_parquet('${allEvents}') where event_type = ${type}`,
              );
              return EVENTS;
            },
            ours: readKind(allEvents, kind, fields),
          },
        ];
      }),
      wants,
    ),
  );
}
