// Files read here as records, and in DuckDB as the columns of a batch query: what native code with one thread needs.
import { DuckDBInstance } from '@duckdb/node-api';
import { csv, jsonLines, parquet } from '@millrace/connector-files';
import type { Bid } from '@millrace/connector-nexmark';
import { compareEach, sink as keep, type Row, type Wants } from './compare.ts';
import { contextOf, FLIGHT_FIELDS, NUMBERS, readAll, SHARED, type Paths } from './read-files.ts';

/** What DuckDB does. */
export const duckDbAnswers = 'DuckDB, one thread, the largest of each column';
const BID_FIELDS = ['auction', 'bidder', 'price', 'channel', 'url', 'dateTime', 'extra'];

type Connection = Awaited<ReturnType<DuckDBInstance['connect']>>;

/** Writes the bids as others write Nexmark's events: `{event_type, bid: {…}}`. */
export async function writeEvents({ jsonl, events }: Paths): Promise<void> {
  await withDuckDb(async (connection) => {
    await connection.run(
      `copy (select 2 as event_type, b as bid from read_json('${jsonl}', format = 'newline_delimited') b) to '${events}' (format parquet)`,
    );
  });
}

/** Each reader against DuckDB's of the same file. */
export async function duckDbRows(paths: Paths, wants: Wants): Promise<Row[]> {
  const context = contextOf(paths.directory);
  return withDuckDb(async (connection) => {
    const largest = (fields: readonly string[], from: string) => async (): Promise<number> => {
      const largestOf = fields.map((field) => `max(${field})`).join(', ');
      const answer = await connection.runAndReadAll(`select count(*), ${largestOf} from ${from}`);
      return Number(answer.getRows()[0]?.[0]);
    };
    const nested = BID_FIELDS.map((field) => `bid.${field}`);
    return compareEach(
      [
        {
          ...SHARED,
          what: 'JSON lines, bids',
          against: duckDbAnswers,
          baseline: largest(BID_FIELDS, `read_json('${paths.jsonl}', format = 'newline_delimited')`),
          ours: () => readAll(jsonLines<Bid>({ path: paths.jsonl }), context, keep),
        },
        {
          ...SHARED,
          what: 'CSV, bids',
          against: duckDbAnswers,
          baseline: largest(BID_FIELDS, `read_csv('${paths.csv}')`),
          ours: () => readAll(csv<Bid>({ path: paths.csv, types: NUMBERS }), context, keep),
        },
        {
          ...SHARED,
          what: 'Parquet, bids in a group',
          against: duckDbAnswers,
          baseline: largest(nested, `read_parquet('${paths.events}')`),
          ours: () => readAll(parquet<{ bid: Bid }>({ path: paths.events }), context, keep),
        },
        {
          ...SHARED,
          what: 'Parquet, flights, five columns',
          against: duckDbAnswers,
          baseline: largest(FLIGHT_FIELDS, `read_parquet('${paths.flights}')`),
          ours: () =>
            readAll(
              parquet<Record<string, unknown>>({ path: paths.flights }),
              contextOf(paths.directory, FLIGHT_FIELDS),
              keep,
            ),
        },
      ],
      wants,
    );
  });
}

/** Calls `use` with a connection to a database of its own, with one thread. */
export async function withDuckDb<T>(use: (connection: Connection) => Promise<T>): Promise<T> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    await connection.run('set threads = 1');
    return await use(connection);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
