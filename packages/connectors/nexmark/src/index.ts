// The events of the Nexmark benchmark as sources.
export {
  nexmarkAuctions,
  nexmarkBids,
  nexmarkEvents,
  nexmarkPersons,
  type NexmarkOptions,
} from './nexmark-source.ts';
export type { Auction, Bid, NexmarkEvent, Person } from './nexmark-events.ts';
