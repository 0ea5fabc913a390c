// Who sells in one category from three states.
import { defineJob } from '@millrace/api';
import { nexmark } from './nexmark.ts';

const STATES = ['OR', 'ID', 'CA'];
const personId = ({ id }: { readonly id: number }) => id;

export default defineJob('nexmark-q3', (env) => {
  const { auctions, persons, emit } = nexmark(env);
  emit(
    auctions()
      .filter(({ category }) => category === 10)
      .map(({ id, seller }) => ({ id, seller }))
      .toTable()
      .join(
        persons()
          .filter(({ state }) => STATES.includes(state))
          .map(({ id, name, city, state }) => ({ id, name, city, state }))
          .toTable(),
        {
          leftKey: ({ seller }) => seller,
          rightKey: personId,
          rightUniqueKey: personId,
          select: ({ id }, { name, city, state }) => ({ name, city, state, id }),
        },
      )
      .toStream()
      .map(({ row }) => row),
  );
});
