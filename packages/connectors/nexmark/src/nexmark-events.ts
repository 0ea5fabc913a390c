// [HOT] The events of Nexmark by their numbers: each field is a function of the event's number and the seed alone.
import { below, mix, priceOf, stateOf, wordOf } from './draws.ts';
import { CHANNELS, cityOf, creditCard, personName, usState, Words } from './words.ts';

/** Someone who sells or bids. */
export interface Person {
  readonly id: number;
  readonly name: string;
  readonly emailAddress: string;
  readonly creditCard: string;
  readonly city: string;
  readonly state: string;
  /** ms since the epoch, UTC. */
  readonly dateTime: number;
  readonly extra: string;
}

/** An item under auction. */
export interface Auction {
  readonly id: number;
  readonly itemName: string;
  readonly description: string;
  /** Cents, as all prices. */
  readonly initialBid: number;
  readonly reserve: number;
  /** ms since the epoch, UTC. */
  readonly dateTime: number;
  readonly expires: number;
  /** Id of a person. */
  readonly seller: number;
  /** 10 to 14. */
  readonly category: number;
  readonly extra: string;
}

/** A bid for an item. */
export interface Bid {
  /** Id of an auction. */
  readonly auction: number;
  /** Id of a person. */
  readonly bidder: number;
  readonly price: number;
  readonly channel: string;
  readonly url: string;
  /** ms since the epoch, UTC. */
  readonly dateTime: number;
  readonly extra: string;
}

/** One event, as the benchmark's files have it. */
export type NexmarkEvent =
  | { readonly event_type: 0; readonly person: Person }
  | { readonly event_type: 1; readonly auction: Auction }
  | { readonly event_type: 2; readonly bid: Bid };

/** `event_type` of a person. */
export const PERSON = 0;
/** `event_type` of an auction. */
export const AUCTION = 1;
/** `event_type` of a bid. */
export const BID = 2;

/** A block of events has one person, three auctions and 46 bids, in this order. */
export const BLOCK = 50;
const AUCTIONS = 3;

/** 2026-01-01T00:00:00Z */
const FIRST_MS = 1_767_225_600_000;
const FIRST_ID = 1_000;
const FIRST_CATEGORY = 10;
const CATEGORIES = 5;
const OPEN_AUCTIONS = 100;
const ACTIVE_PEOPLE = 1_000;
const LEAD = 10;
const HOT_EVERY = 100;
const NUMBERS_PER_OPEN_AUCTIONS = Math.floor((OPEN_AUCTIONS * BLOCK) / AUCTIONS);

/** A field of the event at a place (0 to 49) of a block, whose draws have this state. */
export type FieldOf<V> = (block: number, place: number, state: number) => V;

/** The fields of a kind of events, each by itself. */
export type EventFields<T> = { readonly [Name in keyof T]: FieldOf<T[Name]> };

/** Kind of the event at a place of its block. */
export function kindAt(place: number): 0 | 1 | 2 {
  return place === 0 ? PERSON : place <= AUCTIONS ? AUCTION : BID;
}

/** Places [from, to) of a kind in each block. */
export const PLACES: readonly (readonly [from: number, to: number])[] = [
  [0, 1],
  [1, 1 + AUCTIONS],
  [1 + AUCTIONS, BLOCK],
];

/** Events of a seed and a rate. */
export class NexmarkEvents {
  readonly person: EventFields<Person>;
  readonly auction: EventFields<Auction>;
  readonly bid: EventFields<Bid>;
  readonly mixedSeed: number;

  /** `eventRate`: events in a second of event time. */
  constructor(of: { readonly seed: number; readonly eventRate: number }) {
    this.mixedSeed = mix(of.seed);
    const words = new Words(of.seed);
    const { eventRate } = of;
    const timeOf = (number: number): number => FIRST_MS + Math.floor((1_000 * number) / eventRate);
    this.person = personFields(words, timeOf);
    this.auction = auctionFields(words, timeOf);
    this.bid = bidFields(words, timeOf);
  }

  /** The whole event. */
  eventAt(block: number, place: number): NexmarkEvent {
    const state = stateOf(this.mixedSeed, block * BLOCK + place);
    switch (kindAt(place)) {
      case PERSON:
        return { event_type: PERSON, person: made(this.person, block, place, state) };
      case AUCTION:
        return { event_type: AUCTION, auction: made(this.auction, block, place, state) };
      case BID:
        return { event_type: BID, bid: made(this.bid, block, place, state) };
    }
  }
}

// oxlint-disable-next-line max-params -- numbers, for each event
function made<T>(fields: EventFields<T>, block: number, place: number, state: number): T {
  const record: Partial<T> = {};
  for (const name of Object.keys(fields) as (keyof T)[]) record[name] = fields[name](block, place, state);
  return record as T;
}

function personFields(words: Words, timeOf: (number: number) => number): EventFields<Person> {
  const name: FieldOf<string> = (_block, _place, state) => personName(state, 1);
  const emailAddress: FieldOf<string> = (_block, _place, state) =>
    `${words.words(state, 3, 7)}@${words.words(state, 5, 5)}.com`;
  const card: FieldOf<string> = (_block, _place, state) => creditCard(state, 7);
  const city: FieldOf<string> = (_block, _place, state) => cityOf(state, 11);
  const inState: FieldOf<string> = (_block, _place, state) => usState(state, 12);
  return {
    id: (block) => FIRST_ID + block,
    name,
    emailAddress,
    creditCard: card,
    city,
    state: inState,
    dateTime: (block, place) => timeOf(block * BLOCK + place),
    extra: (block, place, state) => {
      const bytes = [name, emailAddress, card, city, inState].map(
        (field) => field(block, place, state).length,
      );
      return words.extra(state, 13, 8 + bytes.reduce((sum, length) => sum + length, 0), 200);
    },
  };
}

function auctionFields(words: Words, timeOf: (number: number) => number): EventFields<Auction> {
  return {
    id: (block, place) => FIRST_ID + AUCTIONS * block + place - 1,
    itemName: (_block, _place, state) => words.words(state, 1, 20),
    description: (_block, _place, state) => words.words(state, 3, 100),
    initialBid: (_block, _place, state) => priceOf(wordOf(state, 5)),
    reserve: (_block, _place, state) => priceOf(wordOf(state, 5)) + priceOf(wordOf(state, 6)),
    dateTime: (block, place) => timeOf(block * BLOCK + place),
    expires: (block, place, state) => {
      const number = block * BLOCK + place;
      const time = timeOf(number);
      const longest = Math.max(1, 2 * (timeOf(number + NUMBERS_PER_OPEN_AUCTIONS) - time));
      return time + 1 + below(wordOf(state, 7), longest);
    },
    seller: (block, _place, state) => somePerson(wordOf(state, 8), block, 0),
    category: (_block, _place, state) => FIRST_CATEGORY + below(wordOf(state, 9), CATEGORIES),
    extra: (_block, _place, state) => {
      const bytes = words.words(state, 1, 20).length + words.words(state, 3, 100).length;
      return words.extra(state, 10, 48 + bytes, 500);
    },
  };
}

function bidFields(words: Words, timeOf: (number: number) => number): EventFields<Bid> {
  return {
    auction: (block, _place, state) => someAuction(wordOf(state, 1), AUCTIONS * block + AUCTIONS - 1),
    bidder: (block, _place, state) => somePerson(wordOf(state, 2), block, 1),
    price: (_block, _place, state) => priceOf(wordOf(state, 3)),
    channel: (_block, _place, state) => words.channel(someChannel(wordOf(state, 4))),
    url: (_block, _place, state) => words.url(someChannel(wordOf(state, 4))),
    dateTime: (block, place) => timeOf(block * BLOCK + place),
    extra: (_block, _place, state) => words.extra(state, 5, 32, 100),
  };
}

/** Divisions, because `%` of doubles is a call into the C library. */
function hotOf(last: number): number {
  return Math.floor(last / HOT_EVERY) * HOT_EVERY;
}

/** Half of the time the hot one, otherwise one that is open or will be soon. */
function someAuction(word: number, last: number): number {
  if ((word & 1) === 0) return FIRST_ID + hotOf(last);
  const first = Math.max(last - OPEN_AUCTIONS, 0);
  return FIRST_ID + first + below(word, last + LEAD - first + 1);
}

/** Three times out of four a hot one, otherwise one that is active or will be soon. */
function somePerson(word: number, last: number, hot: number): number {
  if ((word & 3) !== 0) return FIRST_ID + hotOf(last) + hot;
  const active = Math.min(last + 1, ACTIVE_PEOPLE);
  return FIRST_ID + last + 1 - active + below(word, active + LEAD);
}

/** Half of the time a hot one. */
function someChannel(word: number): number {
  return (word & 1) === 0 ? CHANNELS + (word >>> 30) : below(word, CHANNELS);
}
