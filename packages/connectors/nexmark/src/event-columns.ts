// [HOT] The columns of each kind of events. Each has a function of its own text: V8 shares what it knows of a call between
// functions of the same text, and one function for all columns would call them without ever inlining them.
import type { ComputedColumn } from '@millrace/api';
import { stateOf } from './draws.ts';
import { BLOCK, type NexmarkEvents } from './nexmark-events.ts';

/** Events of a batch at most. */
export const ROWS_MAX = 4_096;

/**
 * Where the events of a batch are, and the states of their draws. The arrays are always the same: functions that read them know them as
 * constants.
 */
export class EventRows {
  readonly blocks = new Float64Array(ROWS_MAX);
  readonly places = new Int32Array(ROWS_MAX);
  readonly states = new Int32Array(ROWS_MAX);

  // oxlint-disable-next-line max-params -- numbers, for each event
  put(row: number, block: number, place: number, mixedSeed: number): void {
    this.blocks[row] = block;
    this.places[row] = place;
    this.states[row] = stateOf(mixedSeed, block * BLOCK + place);
  }
}

/** Columns of persons in the order of their fields. */
export function personColumns(
  { person }: NexmarkEvents,
  { blocks, places, states }: EventRows,
): readonly ComputedColumn[] {
  const { id, name, emailAddress, creditCard, city, state, dateTime, extra } = person;
  return [
    {
      name: 'id',
      valueAt: (row) => id(blocks[row] as number, places[row] as number, states[row] as number),
    },
    {
      name: 'name',
      valueAt: (row) => name(blocks[row] as number, places[row] as number, states[row] as number),
    },
    {
      name: 'emailAddress',
      valueAt: (row) => emailAddress(blocks[row] as number, places[row] as number, states[row] as number),
    },
    {
      name: 'creditCard',
      valueAt: (row) => creditCard(blocks[row] as number, places[row] as number, states[row] as number),
    },
    {
      name: 'city',
      valueAt: (row) => city(blocks[row] as number, places[row] as number, states[row] as number),
    },
    {
      name: 'state',
      valueAt: (row) => state(blocks[row] as number, places[row] as number, states[row] as number),
    },
    {
      name: 'dateTime',
      valueAt: (row) => dateTime(blocks[row] as number, places[row] as number, states[row] as number),
    },
    {
      name: 'extra',
      valueAt: (row) => extra(blocks[row] as number, places[row] as number, states[row] as number),
    },
  ];
}

/** Columns of auctions in the order of their fields. */
export function auctionColumns(
  { auction }: NexmarkEvents,
  { blocks, places, states }: EventRows,
): readonly ComputedColumn[] {
  const { id, itemName, description, initialBid, reserve, dateTime, expires, seller, category, extra } =
    auction;
  return [
    {
      name: 'id',
      valueAt: (row) => id(blocks[row] as number, places[row] as number, states[row] as number),
    },
    {
      name: 'itemName',
      valueAt: (row) => itemName(blocks[row] as number, places[row] as number, states[row] as number),
    },
    {
      name: 'description',
      valueAt: (row) => description(blocks[row] as number, places[row] as number, states[row] as number),
    },
    {
      name: 'initialBid',
      valueAt: (row) => initialBid(blocks[row] as number, places[row] as number, states[row] as number),
    },
    {
      name: 'reserve',
      valueAt: (row) => reserve(blocks[row] as number, places[row] as number, states[row] as number),
    },
    {
      name: 'dateTime',
      valueAt: (row) => dateTime(blocks[row] as number, places[row] as number, states[row] as number),
    },
    {
      name: 'expires',
      valueAt: (row) => expires(blocks[row] as number, places[row] as number, states[row] as number),
    },
    {
      name: 'seller',
      valueAt: (row) => seller(blocks[row] as number, places[row] as number, states[row] as number),
    },
    {
      name: 'category',
      valueAt: (row) => category(blocks[row] as number, places[row] as number, states[row] as number),
    },
    {
      name: 'extra',
      valueAt: (row) => extra(blocks[row] as number, places[row] as number, states[row] as number),
    },
  ];
}

/** Columns of bids in the order of their fields. */
export function bidColumns(
  { bid }: NexmarkEvents,
  { blocks, places, states }: EventRows,
): readonly ComputedColumn[] {
  const { auction, bidder, price, channel, url, dateTime, extra } = bid;
  return [
    {
      name: 'auction',
      valueAt: (row) => auction(blocks[row] as number, places[row] as number, states[row] as number),
    },
    {
      name: 'bidder',
      valueAt: (row) => bidder(blocks[row] as number, places[row] as number, states[row] as number),
    },
    {
      name: 'price',
      valueAt: (row) => price(blocks[row] as number, places[row] as number, states[row] as number),
    },
    {
      name: 'channel',
      valueAt: (row) => channel(blocks[row] as number, places[row] as number, states[row] as number),
    },
    {
      name: 'url',
      valueAt: (row) => url(blocks[row] as number, places[row] as number, states[row] as number),
    },
    {
      name: 'dateTime',
      valueAt: (row) => dateTime(blocks[row] as number, places[row] as number, states[row] as number),
    },
    {
      name: 'extra',
      valueAt: (row) => extra(blocks[row] as number, places[row] as number, states[row] as number),
    },
  ];
}
