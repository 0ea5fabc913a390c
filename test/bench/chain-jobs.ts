// Six jobs of the same form, source → map → filter → map → filter → forEach, with functions and record shapes of their own, as six
// users would write them.

/** What a job consists of. The types between its functions are its own business. */
export interface ChainJob {
  readonly recordAt: (index: number) => unknown;
  readonly first: (record: never) => unknown;
  readonly firstFilter: (record: never) => boolean;
  readonly second: (record: never) => unknown;
  readonly secondFilter: (record: never) => boolean;
  readonly last: (record: never) => void;
}

function job<A, B, C>(of: {
  readonly recordAt: (index: number) => A;
  readonly first: (record: A) => B;
  readonly firstFilter: (record: B) => boolean;
  readonly second: (record: B) => C;
  readonly secondFilter: (record: C) => boolean;
  readonly last: (record: C) => void;
}): ChainJob {
  return of;
}

/** What each job saw, so that no work is for nothing. */
export const seen = { bids: 0, clicks: 0, orders: 0, rides: 0, readings: 0, trades: 0 };

export const CHAIN_JOBS: readonly ChainJob[] = [
  job({
    recordAt: (index) => ({ auction: index & 1023, price: index & 4095 }),
    first: (bid) => ({ auction: bid.auction, euros: bid.price * 0.9 }),
    firstFilter: (bid) => bid.auction !== 7,
    second: (bid) => ({ auction: bid.auction, cents: bid.euros * 100 }),
    secondFilter: (bid) => bid.cents > 10,
    last: (bid) => void (seen.bids += bid.cents),
  }),
  job({
    recordAt: (index) => ({ user: index & 255, page: index & 63, ms: index & 8191 }),
    first: (click) => ({ user: click.user, seconds: click.ms / 1000 }),
    firstFilter: (click) => click.user !== 3,
    second: (click) => ({ who: click.user, minutes: click.seconds / 60 }),
    secondFilter: (click) => click.minutes < 1e6,
    last: (click) => void (seen.clicks += click.minutes),
  }),
  job({
    recordAt: (index) => ({ order: index, items: index & 15, total: index & 65_535 }),
    first: (order) => ({ order: order.order, items: order.items, tax: order.total * 0.2 }),
    firstFilter: (order) => order.items > 0,
    second: (order) => ({ order: order.order, perItem: order.tax / order.items }),
    secondFilter: (order) => order.perItem > 1,
    last: (order) => void (seen.orders += order.perItem),
  }),
  job({
    recordAt: (index) => ({ driver: index & 511, km: index & 127 }),
    first: (ride) => ({ driver: ride.driver, miles: ride.km * 0.621 }),
    firstFilter: (ride) => ride.miles > 0.1,
    second: (ride) => ({ miles: ride.miles, fare: 2 + ride.miles * 1.5 }),
    secondFilter: (ride) => ride.fare > 3,
    last: (ride) => void (seen.rides += ride.fare),
  }),
  job({
    recordAt: (index) => ({ sensor: index & 31, celsius: (index & 63) - 20, at: index }),
    first: (reading) => ({ sensor: reading.sensor, fahrenheit: reading.celsius * 1.8 + 32, at: reading.at }),
    firstFilter: (reading) => reading.sensor !== 30,
    second: (reading) => ({ at: reading.at, excess: reading.fahrenheit - 30 }),
    secondFilter: (reading) => reading.excess > 0,
    last: (reading) => void (seen.readings += reading.excess),
  }),
  job({
    recordAt: (index) => ({ bid: index & 1023, ask: (index & 1023) + 2, size: index & 7 }),
    first: (trade) => ({ mid: (trade.bid + trade.ask) / 2, size: trade.size }),
    firstFilter: (trade) => trade.size > 0,
    second: (trade) => ({ notional: trade.mid * trade.size }),
    secondFilter: (trade) => trade.notional > 50,
    last: (trade) => void (seen.trades += trade.notional),
  }),
];
