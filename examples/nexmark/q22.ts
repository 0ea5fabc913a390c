// The directories of a URL.
import { defineJob } from '@millrace/api';
import { nexmark } from './nexmark.ts';

export default defineJob('nexmark-q22', (env) => {
  const { bids, emit } = nexmark(env);
  emit(
    bids().map(({ auction, bidder, price, channel, url }) => {
      const [, , , dir1, dir2, dir3] = url.split('/');
      return { auction, bidder, price, channel, dir1, dir2, dir3 };
    }),
  );
});
