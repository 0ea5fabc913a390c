// Who sells within the same ten seconds as joining.
import { defineJob, tumbling } from '@millrace/api';
import { nexmark } from './nexmark.ts';

export default defineJob('nexmark-q8', (env) => {
  const { persons, auctions, emit } = nexmark(env);
  const newcomers = persons().map(({ id, name }) => ({ id, name }));
  const sales = auctions().map(({ seller }) => ({ seller }));

  emit(
    newcomers
      .keyBy((person) => person.id)
      .coGroup(
        sales.keyBy((sale) => sale.seller),
        {
          window: tumbling('10 seconds'),
          apply: ([person], sold, { window }) =>
            person === undefined || sold.length === 0 ? [] : [{ ...person, window_start: window.start }],
        },
      ),
  );
});
