// Events whose time is the clock → key by key → tumbling windows of 10 s → count, and how long after its end a window's counts come.
import { count, defineJob, generate, monotonous, tumbling } from '@millrace/api';
import { random } from '../../peers/jobs/random.ts';

const KEYS = 10_000;
const now = (): number => performance.timeOrigin + performance.now();
const openedMs = now();

export default defineJob('window-lag', (env) => {
  const { params } = env;
  env.options({ checkpoint: { interval: '10 s' } });
  env
    .source(
      generate({ splits: params.number('p', 2) }, (index) => ({
        key: random(index, KEYS),
        time: Date.now(),
      })),
      { ratePerSecond: params.number('ratePerSecond') },
    )
    .watermarks(monotonous((event) => event.time))
    .keyBy((event) => event.key)
    .window(tumbling('10 s'))
    .aggregate({ count: count() })
    .process({
      onRecord({ windowEnd }, { metrics }) {
        // The first window may be the warm-up's.
        if (windowEnd - openedMs > 12_000) metrics.histogram('lag_ms').update(now() - windowEnd);
      },
    })
    .forEach(() => {});
});
