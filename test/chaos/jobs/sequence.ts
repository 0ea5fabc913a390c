// Counts along each key, record by record and in windows: a record lost, taken twice or out of order shows in what comes after it.
import { boundedOutOfOrderness, count, defineJob, generate, sum, tumbling, valueState } from '@millrace/api';
import { jsonLines } from '@millrace/connector-files';
import { keyOf, SPLITS, WINDOW_MS } from './sequence-data.ts';

export default defineJob('sequence', (env) => {
  const { params } = env;
  const recordCount = params.number('count', 20_000);
  const out = params.string('out', 'out');
  env.options({
    checkpoint: {
      interval: params.duration('checkpointInterval', '200ms'),
      timeout: params.duration('checkpointTimeout', '10 minutes'),
      toleratedFailures: params.number('toleratedFailures', 3),
    },
    restart: { type: 'exponential-delay', initialDelay: params.duration('restartDelay', '1 second') },
  });

  const records = env
    .source(
      generate({ count: recordCount, splits: SPLITS }, (index) => ({
        index,
        key: keyOf(index, recordCount),
      })),
      { ratePerSecond: params.number('ratePerSecond', 10_000) },
    )
    .watermarks(boundedOutOfOrderness('10 ms', (record) => record.index))
    .uid('records');

  records
    .keyBy((record) => record.key)
    .process({
      state: { seen: valueState({ initial: { count: 0, sum: 0 } }) },
      onRecord(record, { state }) {
        const before = state.seen.value();
        const seen = { count: before.count + 1, sum: before.sum + record.index };
        state.seen.update(seen);
        return [{ key: record.key, index: record.index, ...seen }];
      },
    })
    .uid('counted')
    .sink(jsonLines({ path: `${out}/records` }))
    .uid('record-files');

  records
    .keyBy((record) => record.key)
    .window(tumbling(WINDOW_MS))
    .aggregate({ count: count(), sum: sum((record) => record.index) })
    .uid('windows')
    .sink(jsonLines({ path: `${out}/windows` }))
    .uid('window-files');
});
