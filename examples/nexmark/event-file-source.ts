// Events from files, whoever wrote them: JSON lines or Parquet, as in nexmark.ts.
import { MillraceError, type DataStream, type Source, type StreamEnvironment } from '@millrace/api';
import { jsonLines, parquet } from '@millrace/connector-files';
import type { Auction, Bid, Person } from '@millrace/connector-nexmark';

const PERSON = 0;
const AUCTION = 1;
const BID = 2;

/** Times are ISO 8601 or milliseconds since the epoch, which may be in quotes. */
type Timed<T> = {
  readonly [Name in keyof T]: Name extends 'dateTime' | 'expires' ? T[Name] | string : T[Name];
};

/** An event of a file: one of the three objects counts, the one of its type. The others are null, absent, or objects of nulls. */
interface FileEvent {
  readonly event_type: number;
  readonly person?: Timed<Person> | null;
  readonly auction?: Timed<Auction> | null;
  readonly bid?: Timed<Bid> | null;
}

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
  const events = (): DataStream<FileEvent> => env.source(fileOf(path, ordered));
  return {
    persons: () =>
      events().flatMap(({ event_type, person }) => (isKind(event_type, PERSON) ? [personOf(person)] : [])),
    auctions: () =>
      events().flatMap(({ event_type, auction }) =>
        isKind(event_type, AUCTION) ? [auctionOf(auction)] : [],
      ),
    bids: () => events().flatMap(({ event_type, bid }) => (isKind(event_type, BID) ? [bidOf(bid)] : [])),
  };
}

function fileOf(path: string, ordered: boolean): Source<FileEvent> {
  if (path.endsWith('.parquet')) return parquet<FileEvent>({ path, ordered });
  if (/\.(jsonl|ndjson|json)$/.test(path)) return jsonLines<FileEvent>({ path, ordered });
  throw new MillraceError(
    'MR_OPTION_INVALID',
    `Cannot use "${path}" as --input: name a file, or files by a glob, that end in .jsonl or .parquet`,
  );
}

/** An event of no kind at all would be left out by each of the three streams, without a word. */
function isKind(type: number, wanted: number): boolean {
  if (type === wanted) return true;
  if (type === PERSON || type === AUCTION || type === BID) return false;
  throw malformed(
    `Cannot use ${JSON.stringify(type) ?? 'nothing'} as the event_type of an event: it is 0, 1 or 2`,
  );
}

function personOf(person: FileEvent['person']): Person {
  const { id, name, emailAddress, creditCard, city, state, dateTime, extra } = there(
    person,
    PERSON,
    'person',
  );
  return { id, name, emailAddress, creditCard, city, state, dateTime: timeOf(dateTime), extra };
}

function auctionOf(auction: FileEvent['auction']): Auction {
  const { id, itemName, description, initialBid, reserve, dateTime, expires, seller, category, extra } =
    there(auction, AUCTION, 'auction');
  return {
    id,
    itemName,
    description,
    initialBid,
    reserve,
    dateTime: timeOf(dateTime),
    expires: timeOf(expires),
    seller,
    category,
    extra,
  };
}

function bidOf(bid: FileEvent['bid']): Bid {
  const { auction, bidder, price, channel, url, dateTime, extra } = there(bid, BID, 'bid');
  return { auction, bidder, price, channel, url, dateTime: timeOf(dateTime), extra };
}

function there<T>(object: T | null | undefined, type: number, name: string): T {
  if (object !== null && object !== undefined) return object;
  throw malformed(`An event of event_type ${type} has no object "${name}"`);
}

/** A date, and perhaps a time and an offset. */
const ISO =
  /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(?: ?(Z|[+-]\d{2})(?::?(\d{2}))?)?)?$/i;

/** From 1973 on: with fewer digits it may just as well be seconds, or a date. */
const MS_IN_TEXT = /^\d{12,}$/;

/** ms since the epoch. Without an offset it is UTC, as other engines write it, wherever this machine is. */
export function timeOf(time: string | number): number {
  if (typeof time === 'number') return time;
  if (MS_IN_TEXT.test(String(time))) return Number(time);
  const [, date, clock = '00:00', zone = 'Z', minutes = '00'] = ISO.exec(String(time)) ?? [];
  const offset = zone.toUpperCase() === 'Z' ? 'Z' : `${zone}:${minutes}`;
  const ms = date === undefined ? Number.NaN : Date.parse(`${date}T${clock}${offset}`);
  if (!Number.isNaN(ms)) return ms;
  throw malformed(
    `Cannot read ${JSON.stringify(time)} as a time: it is neither ISO 8601 nor milliseconds since the epoch`,
  );
}

/** Reading it again does not make it better. */
function malformed(message: string): MillraceError {
  return new MillraceError('MR_RECORD_MALFORMED', message, { fault: 'user', retry: 'never' });
}
