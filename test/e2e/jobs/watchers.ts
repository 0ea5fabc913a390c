// A pattern, questions to another system, and standing queries, over the same records: what waits in each of them is state.
import { setTimeout as delay } from 'node:timers/promises';
import {
  begin,
  boundedOutOfOrderness,
  defineJob,
  fromArray,
  generate,
  percolate,
  type Change,
  type StandingQuery,
} from '@millrace/api';
import { jsonLines } from '@millrace/connector-files';
import { QUERY_COUNT, watchedAt, type Watched } from './watchers-data.ts';

const queries = Array.from({ length: QUERY_COUNT }, (_, key): Change<StandingQuery> => {
  return { kind: 'insert', row: { id: key, query: { term: { key } } } };
});

export default defineJob('watchers', (env) => {
  const { params } = env;
  const out = params.string('out', 'out');
  env.options({ checkpoint: { interval: '200ms' } });

  const records = env
    .source(generate({ count: params.number('count', 12_000), splits: 4 }, watchedAt), {
      ratePerSecond: params.number('ratePerSecond', 4_000),
    })
    .watermarks(boundedOutOfOrderness('10 ms', ({ place }) => place));
  const byKey = records.keyBy(({ key }) => key);

  byKey
    .pattern(
      begin('first', ({ round }: Watched) => round === 0)
        .followedBy('middle', ({ round }) => round >= 2 && round <= 4)
        .oneOrMore()
        .followedBy('last', ({ round }) => round === 7),
    )
    .select(({ first, middle }) => ({ key: first.key, middle: middle.length }))
    .sink(jsonLines({ path: `${out}/matches` }));

  byKey
    .mapAsync(
      async ({ index }) => {
        await delay(20 + (index % 7) * 5);
        return { index };
      },
      { capacity: 500 },
    )
    .sink(jsonLines({ path: `${out}/answers` }));

  percolate(records, env.source(fromArray(queries)), {
    select: ({ key, round }, { id }) => ({ key, round, query: id }),
  }).sink(jsonLines({ path: `${out}/found` }));
});
