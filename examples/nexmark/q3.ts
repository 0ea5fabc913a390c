// Who sells in one category from three states.
import { defineJob, listState, valueState } from '@millrace/api';
import { nexmark } from './nexmark.ts';

const STATES = ['OR', 'ID', 'CA'];

export default defineJob('nexmark-q3', (env) => {
  const { auctions, persons, emit } = nexmark(env);
  const wanted = auctions().filter((auction) => auction.category === 10);
  const locals = persons().filter((person) => STATES.includes(person.state));

  emit(
    wanted
      .keyBy((auction) => auction.seller)
      .connect(locals.keyBy((person) => person.id))
      .process({
        state: {
          person: valueState<{ name: string; city: string; state: string }>(),
          /** Auctions of a seller who is not known yet. */
          waiting: listState<number>(),
        },
        onFirst({ id }, { state }) {
          const person = state.person.value();
          if (person !== undefined) return [{ ...person, id }];
          state.waiting.add(id);
          return [];
        },
        onSecond({ name, city, state: from }, { state }) {
          const person = { name, city, state: from };
          state.person.update(person);
          const rows = [...state.waiting.get()].map((id) => ({ ...person, id }));
          state.waiting.clear();
          return rows;
        },
      }),
  );
});
