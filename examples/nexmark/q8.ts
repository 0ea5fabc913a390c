// Who sells within the same ten seconds as joining.
import { count, defineJob, first, tumbling } from '@millrace/api';
import { nexmark } from './nexmark.ts';

export default defineJob('nexmark-q8', (env) => {
  const { persons, auctions, emit } = nexmark(env);
  const newcomers = persons()
    .keyBy((person) => person.id)
    .window(tumbling('10 seconds'))
    .aggregate({ name: first((person) => person.name) });
  const sellers = auctions()
    .keyBy((auction) => auction.seller)
    .window(tumbling('10 seconds'))
    .aggregate({ auctions: count() });

  emit(
    newcomers
      .keyBy((person) => person.key)
      .join(
        sellers.keyBy((seller) => seller.key),
        {
          window: tumbling('10 seconds'),
          select: ({ key, name, windowStart }) => ({ id: key, name, window_start: windowStart }),
        },
      ),
  );
});
