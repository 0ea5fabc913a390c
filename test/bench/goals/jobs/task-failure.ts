// Ids → key by id → running count, of which one subtask throws once: what `bench goals --part task-failure` times.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { defineJob, generate, valueState } from '@millrace/api';
import { random } from '../../peers/jobs/random.ts';

const now = (): number => performance.timeOrigin + performance.now();

export default defineJob('task-failure', (env) => {
  const { params } = env;
  const keys = params.number('keys', 1_000_000);
  const failsAfterMs = params.duration('failsAfter');
  /** A file that is there once a subtask has thrown, and says when. */
  const mark = params.string('mark');
  let throwsAtMs = Infinity;
  let thrownMs = 0;
  let withoutOutputMs = 0;
  env.options({
    checkpoint: { interval: '1 s' },
    restart: { type: 'fixed-delay', delay: 0, attempts: 3 },
  });
  env
    .source(generate({}, (index) => random(index, keys)))
    .keyBy((id) => id)
    .process({
      state: { count: valueState({ initial: 0 }) },
      open({ metrics, subtaskIndex }) {
        if (existsSync(mark)) thrownMs = Number(readFileSync(mark, 'utf8'));
        else if (subtaskIndex === 0) throwsAtMs = now() + failsAfterMs;
        metrics.gauge('without_output_ms', () => withoutOutputMs);
      },
      onRecord(id, { state }) {
        if (throwsAtMs !== Infinity && now() > throwsAtMs) {
          writeFileSync(mark, String(now()));
          throw new Error('as planned');
        }
        const count = state.count.value() + 1;
        state.count.update(count);
        if (thrownMs > 0 && withoutOutputMs === 0) withoutOutputMs = now() - thrownMs;
        return [{ id, count }];
      },
    })
    .forEach(() => {});
});
