// A channel's number, which its URL tells unless it is one of four.
import { defineJob } from '@millrace/api';
import { nexmark } from './nexmark.ts';

const CHANNEL_ID = /channel_id=([0-9]+)/;

function channelId(channel: string, url: string): string | undefined {
  switch (channel.toLowerCase()) {
    case 'apple':
      return '0';
    case 'google':
      return '1';
    case 'facebook':
      return '2';
    case 'baidu':
      return '3';
    default:
      return CHANNEL_ID.exec(url)?.[1];
  }
}

export default defineJob('nexmark-q21', (env) => {
  const { bids, emit } = nexmark(env);
  emit(
    bids()
      .map(({ auction, bidder, price, channel, url }) => ({
        auction,
        bidder,
        price,
        channel,
        channel_id: channelId(channel, url),
      }))
      .filter(({ channel_id }) => channel_id !== undefined),
  );
});
