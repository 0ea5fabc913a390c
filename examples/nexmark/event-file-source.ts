// Events from files, whoever wrote them: JSON lines or Parquet, as in nexmark.ts.
import { MillraceError, type DataStream, type StreamEnvironment } from '@millrace/api';
import { jsonLines, parquet } from '@millrace/connector-files';
import type { Auction, Bid, Person } from '@millrace/connector-nexmark';

const PERSON = 0;
const AUCTION = 1;
const BID = 2;

/** Times are ISO 8601 or milliseconds since the epoch. */
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

/** The kinds of events of `path`, which is read once for each of them that is asked for. */
export function eventFile(
  env: StreamEnvironment,
  path: string,
): {
  readonly persons: () => DataStream<Person>;
  readonly auctions: () => DataStream<Auction>;
  readonly bids: () => DataStream<Bid>;
} {
  const events = (): DataStream<FileEvent> =>
    env.source(path.endsWith('.parquet') ? parquet<FileEvent>({ path }) : jsonLines<FileEvent>({ path }));
  return {
    persons: () =>
      events().flatMap(({ event_type, person }) => (event_type === PERSON ? [personOf(person)] : [])),
    auctions: () =>
      events().flatMap(({ event_type, auction }) => (event_type === AUCTION ? [auctionOf(auction)] : [])),
    bids: () => events().flatMap(({ event_type, bid }) => (event_type === BID ? [bidOf(bid)] : [])),
  };
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

/** ms since the epoch. Without an offset it is UTC, as other engines write it, wherever this machine is. */
export function timeOf(time: string | number): number {
  if (typeof time === 'number') return time;
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
