// As many keyed operators behind one another as asked for, each with state, all of them exchanging with all: what deploying costs, and
// with `--full` a record.
import { defineJob, generate, valueState, type DataStream } from '@millrace/api';

const KEYS = 1_000;

export default defineJob('layers', (env) => {
  let numbers: DataStream<number> = env.source(
    generate({ splits: env.params.number('p') }, (index) => index % KEYS),
    env.params.boolean('full', false) ? {} : { ratePerSecond: 1_000 },
  );
  for (let layer = env.params.number('layers'); layer > 0; layer--)
    numbers = numbers
      .keyBy((number) => number)
      .process({
        state: { seen: valueState({ initial: 0 }) },
        onRecord(number, { state }) {
          state.seen.update(state.seen.value() + 1);
          return [(number + 1) % KEYS];
        },
      });
  numbers.forEach(() => {});
});
