// What `@millrace/taskmanager/exchange` gives: the data exchange between processes, without slots and without the engine.
export { ChannelExchange, type ChannelExchangeOptions } from './channel-exchange.ts';
export { DataExchangeServer } from './data-exchange-server.ts';
export type { LinkRequest } from './data-exchange-service.ts';
export { openGrpcLink } from './grpc-link.ts';
export type { Link, LinkEvents } from './link.ts';
