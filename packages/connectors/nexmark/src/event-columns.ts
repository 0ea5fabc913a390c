// [HOT] The columns of each kind of events. Each has a function of its own text: V8 shares what it knows of a call between
// functions of the same text, and one function for all columns would call them without ever inlining them.
import type { ComputedColumn } from '@millrace/api';
import { stateOf } from './draws.ts';
import { BLOCK, type NexmarkEvents } from './nexmark-events.ts';

/** Where the events of a batch are, and the states of their draws. */
export class EventRows {
  blocks = new Float64Array(0);
  places = new Int32Array(0);
  states = new Int32Array(0);

  makeRoom(rowsMax: number): void {
    if (this.blocks.length >= rowsMax) return;
    this.blocks = new Float64Array(rowsMax);
    this.places = new Int32Array(rowsMax);
    this.states = new Int32Array(rowsMax);
  }

  // oxlint-disable-next-line max-params -- numbers, for each event
  put(row: number, block: number, place: number, mixedSeed: number): void {
    this.blocks[row] = block;
    this.places[row] = place;
    this.states[row] = stateOf(mixedSeed, block * BLOCK + place);
  }
}

/** Columns of persons in the order of their fields. */
export function personColumns({ person }: NexmarkEvents, rows: EventRows): readonly ComputedColumn[] {
  return [
    {
      name: 'id',
      valueAt: (row) =>
        person.id(rows.blocks[row] as number, rows.places[row] as number, rows.states[row] as number),
    },
    {
      name: 'name',
      valueAt: (row) =>
        person.name(rows.blocks[row] as number, rows.places[row] as number, rows.states[row] as number),
    },
    {
      name: 'emailAddress',
      valueAt: (row) =>
        person.emailAddress(
          rows.blocks[row] as number,
          rows.places[row] as number,
          rows.states[row] as number,
        ),
    },
    {
      name: 'creditCard',
      valueAt: (row) =>
        person.creditCard(rows.blocks[row] as number, rows.places[row] as number, rows.states[row] as number),
    },
    {
      name: 'city',
      valueAt: (row) =>
        person.city(rows.blocks[row] as number, rows.places[row] as number, rows.states[row] as number),
    },
    {
      name: 'state',
      valueAt: (row) =>
        person.state(rows.blocks[row] as number, rows.places[row] as number, rows.states[row] as number),
    },
    {
      name: 'dateTime',
      valueAt: (row) =>
        person.dateTime(rows.blocks[row] as number, rows.places[row] as number, rows.states[row] as number),
    },
    {
      name: 'extra',
      valueAt: (row) =>
        person.extra(rows.blocks[row] as number, rows.places[row] as number, rows.states[row] as number),
    },
  ];
}

/** Columns of auctions in the order of their fields. */
export function auctionColumns({ auction }: NexmarkEvents, rows: EventRows): readonly ComputedColumn[] {
  return [
    {
      name: 'id',
      valueAt: (row) =>
        auction.id(rows.blocks[row] as number, rows.places[row] as number, rows.states[row] as number),
    },
    {
      name: 'itemName',
      valueAt: (row) =>
        auction.itemName(rows.blocks[row] as number, rows.places[row] as number, rows.states[row] as number),
    },
    {
      name: 'description',
      valueAt: (row) =>
        auction.description(
          rows.blocks[row] as number,
          rows.places[row] as number,
          rows.states[row] as number,
        ),
    },
    {
      name: 'initialBid',
      valueAt: (row) =>
        auction.initialBid(
          rows.blocks[row] as number,
          rows.places[row] as number,
          rows.states[row] as number,
        ),
    },
    {
      name: 'reserve',
      valueAt: (row) =>
        auction.reserve(rows.blocks[row] as number, rows.places[row] as number, rows.states[row] as number),
    },
    {
      name: 'dateTime',
      valueAt: (row) =>
        auction.dateTime(rows.blocks[row] as number, rows.places[row] as number, rows.states[row] as number),
    },
    {
      name: 'expires',
      valueAt: (row) =>
        auction.expires(rows.blocks[row] as number, rows.places[row] as number, rows.states[row] as number),
    },
    {
      name: 'seller',
      valueAt: (row) =>
        auction.seller(rows.blocks[row] as number, rows.places[row] as number, rows.states[row] as number),
    },
    {
      name: 'category',
      valueAt: (row) =>
        auction.category(rows.blocks[row] as number, rows.places[row] as number, rows.states[row] as number),
    },
    {
      name: 'extra',
      valueAt: (row) =>
        auction.extra(rows.blocks[row] as number, rows.places[row] as number, rows.states[row] as number),
    },
  ];
}

/** Columns of bids in the order of their fields. */
export function bidColumns({ bid }: NexmarkEvents, rows: EventRows): readonly ComputedColumn[] {
  return [
    {
      name: 'auction',
      valueAt: (row) =>
        bid.auction(rows.blocks[row] as number, rows.places[row] as number, rows.states[row] as number),
    },
    {
      name: 'bidder',
      valueAt: (row) =>
        bid.bidder(rows.blocks[row] as number, rows.places[row] as number, rows.states[row] as number),
    },
    {
      name: 'price',
      valueAt: (row) =>
        bid.price(rows.blocks[row] as number, rows.places[row] as number, rows.states[row] as number),
    },
    {
      name: 'channel',
      valueAt: (row) =>
        bid.channel(rows.blocks[row] as number, rows.places[row] as number, rows.states[row] as number),
    },
    {
      name: 'url',
      valueAt: (row) =>
        bid.url(rows.blocks[row] as number, rows.places[row] as number, rows.states[row] as number),
    },
    {
      name: 'dateTime',
      valueAt: (row) =>
        bid.dateTime(rows.blocks[row] as number, rows.places[row] as number, rows.states[row] as number),
    },
    {
      name: 'extra',
      valueAt: (row) =>
        bid.extra(rows.blocks[row] as number, rows.places[row] as number, rows.states[row] as number),
    },
  ];
}
