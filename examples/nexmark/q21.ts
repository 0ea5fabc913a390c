// A channel's number, which its URL tells unless it is one of four.
import { defineJob } from '@millrace/api';
import { nexmark } from './nexmark.ts';

const KNOWN: ReadonlyMap<string, string> = new Map([
  ['apple', '0'],
  ['google', '1'],
  ['facebook', '2'],
  ['baidu', '3'],
]);
const CHANNEL_ID = /channel_id=([0-9]+)/;

export default defineJob('nexmark-q21', (env) => {
  const { bids, emit } = nexmark(env);
  emit(
    bids().flatMap(({ auction, bidder, price, channel, url }) => {
      const channel_id = KNOWN.get(channel.toLowerCase()) ?? CHANNEL_ID.exec(url)?.[1];
      return channel_id === undefined ? [] : [{ auction, bidder, price, channel, channel_id }];
    }),
  );
});
