// What `@millrace/taskmanager/local` gives: slots on the caller's own thread. Apart from the rest, because it brings the
// whole engine with it, which a TaskManager's main thread does without.
export { LocalSlotHost, type LocalSlotHostOptions } from './local-slot-host.ts';
export { LocalNetwork, type LocalNetworkOptions } from './local-network.ts';
export { memoryLinkPair } from './memory-link.ts';
export {
  ChannelExchange,
  CHANNEL_OPEN_WAIT_MS,
  type ChannelExchangeOptions,
} from '../exchange/channel-exchange.ts';
export type { Link, LinkEvents } from '../exchange/link.ts';
export { LinkPulse } from '../exchange/link-pulse.ts';
