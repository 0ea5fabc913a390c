// Events from files, whoever wrote them: JSON lines or Parquet, as in nexmark.ts.
import { MillraceError, type DataStream, type Source, type StreamEnvironment } from '@millrace/api';
import { jsonLines, parquet } from '@millrace/connector-files';
import type { Auction, Bid, Person } from '@millrace/connector-nexmark';

/** Values of `event_type`. */
const PERSON = 0;
const AUCTION = 1;
const BID = 2;

/**
 * The kinds of events of `path`, which is read once for each of them that is asked for. `ordered`: its events are in order of time, but
 * for what the watermarks allow; else time advances when all parts of the file have been taken, since any may have an early event.
 */
export function eventFile(
  env: StreamEnvironment,
  { path, ordered }: { readonly path: string; readonly ordered: boolean },
): {
  readonly persons: () => DataStream<Person>;
  readonly auctions: () => DataStream<Auction>;
  readonly bids: () => DataStream<Bid>;
} {
  const read = open(path);
  return {
    persons: () => env.source(read<Person>('person', { is: PERSON, times: ['dateTime'], ordered })),
    auctions: () =>
      env.source(read<Auction>('auction', { is: AUCTION, times: ['dateTime', 'expires'], ordered })),
    bids: () => env.source(read<Bid>('bid', { is: BID, times: ['dateTime'], ordered })),
  };
}

interface Kind<T> {
  readonly is: number;
  readonly times: readonly (keyof T & string)[];
  readonly ordered: boolean;
}

/** An event has three objects, one of which counts: that of its type. The others are null, absent, or objects of nulls. */
function open(path: string): <T extends object>(object: string, kind: Kind<T>) => Source<T> {
  const isParquet = path.endsWith('.parquet');
  if (!isParquet && !/\.(jsonl|ndjson|json)$/.test(path))
    throw new MillraceError(
      'MR_OPTION_INVALID',
      `Cannot use "${path}" as --input: name a file, or files by a glob, that end in .jsonl or .parquet`,
    );
  return <T extends object>(object: string, { is, times, ordered }: Kind<T>) => {
    const variant = { tag: 'event_type', is, among: [PERSON, AUCTION, BID], object };
    const options = { path, ordered, times, variant };
    return isParquet ? parquet<T>(options) : jsonLines<T>(options);
  };
}
