// Keyed state of a given size, and output that goes on for ever: what `bench recovery` kills TaskManagers under.
import { defineJob, generate, valueState } from '@millrace/api';

const BYTES_A_KEY = 1_000;
const RECORDS_A_LINE = 50;

export default defineJob('recovery', (env) => {
  const { params } = env;
  const keys = (params.number('megabytes', 100) * 1_000_000) / BYTES_A_KEY;
  const ratePerSecond = params.number('ratePerSecond', 5_000);
  env.options({
    checkpoint: { interval: '1 s' },
    restart: { type: 'fixed-delay', delay: 0, attempts: 1_000 },
  });
  env
    .source(
      generate({ splits: 4 }, (index) => ({ index })),
      { ratePerSecond },
    )
    .keyBy(({ index }) => index % keys)
    .process({
      state: { payload: valueState<string>() },
      onRecord: ({ index }, { state }) => {
        state.payload.update(String(index).padEnd(BYTES_A_KEY, 'x'));
        return index % RECORDS_A_LINE === 0 ? [index] : [];
      },
    })
    .print();
});
