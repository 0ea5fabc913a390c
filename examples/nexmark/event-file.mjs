// Nexmark's events in a file that other engines read: JSON lines, one event a line, or Parquet.
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { fileWriter, parquetWriteRows } from 'hyparquet-writer';
import { nexmarkEvents } from '@millrace/connector-nexmark';

/** Events that are made at a time, and rows of a Parquet row group. */
const BATCH = 50_000;
/** The source makes whole blocks of so many; a file has just as many events as were asked for. */
const BLOCK = 50;

/** Writes `path`, which ends in .jsonl or .parquet. `options`: those of the source; its events are just as many as they say. */
export async function writeEventFile(path, options) {
  nexmarkEvents(options); // Refuses what means nothing.
  await (path.endsWith('.jsonl') ? writeJsonLines : writeParquet)(path, batches({ ...options, splits: 1 }));
}

/** All events, in batches. */
function* batches({ events, ...others }) {
  const source = nexmarkEvents({ ...others, events: Math.ceil(events / BLOCK) * BLOCK });
  const [split] = source.enumerate({ parallelism: 1 });
  const reader = source.openSplit(split, undefined, {});
  let left = events;
  for (let batch = reader.read(BATCH); batch !== undefined && left > 0; batch = reader.read(BATCH)) {
    const { from, to, recordAt } = batch;
    const length = Math.min(left, to - from);
    left -= length;
    yield Array.from({ length }, (_, index) => recordAt(from + index));
  }
}

async function writeJsonLines(path, all) {
  await pipeline(linesOf(all), createWriteStream(path));
}

function* linesOf(all) {
  for (const events of all) yield events.map((event) => `${JSON.stringify(event)}\n`).join('');
}

async function writeParquet(path, all) {
  await parquetWriteRows({
    writer: fileWriter(path),
    columns: ['event_type', 'person', 'auction', 'bid'].map((name) => ({ name })),
    schema: [
      { name: 'root', num_children: 4 },
      { name: 'event_type', type: 'INT32', repetition_type: 'REQUIRED' },
      ...group('person', 'id name: emailAddress: creditCard: city: state: dateTime@ extra:'),
      ...group(
        'auction',
        'id itemName: description: initialBid reserve dateTime@ expires@ seller category extra:',
      ),
      ...group('bid', 'auction bidder price channel: url: dateTime@ extra:'),
    ],
    rowGroupSize: BATCH,
    rows: rows(all),
  });
}

/** A nullable group: texts end in a colon, times in an at sign, the others are integers. */
function group(name, fields) {
  const children = fields.split(' ').map((field) => {
    const child = { name: field.replace(/[:@]$/, ''), repetition_type: 'OPTIONAL' };
    if (field.endsWith(':')) return { ...child, type: 'BYTE_ARRAY', converted_type: 'UTF8' };
    if (field.endsWith('@')) return { ...child, type: 'INT64', converted_type: 'TIMESTAMP_MILLIS' };
    return { ...child, type: 'INT64' };
  });
  return [{ name, num_children: children.length, repetition_type: 'OPTIONAL' }, ...children];
}

function* rows(all) {
  for (const events of all) {
    for (const { event_type, person, auction, bid } of events) {
      yield {
        event_type,
        person: person && { ...person, id: BigInt(person.id), dateTime: new Date(person.dateTime) },
        auction: auction && auctionRow(auction),
        bid: bid && bidRow(bid),
      };
    }
  }
}

function auctionRow(auction) {
  const { id, initialBid, reserve, dateTime, expires, seller, category } = auction;
  return {
    ...auction,
    id: BigInt(id),
    initialBid: BigInt(initialBid),
    reserve: BigInt(reserve),
    dateTime: new Date(dateTime),
    expires: new Date(expires),
    seller: BigInt(seller),
    category: BigInt(category),
  };
}

function bidRow(bid) {
  const { auction, bidder, price, dateTime } = bid;
  return {
    ...bid,
    auction: BigInt(auction),
    bidder: BigInt(bidder),
    price: BigInt(price),
    dateTime: new Date(dateTime),
  };
}
