// Records of about 200 bytes at a fixed rate → key by id → running count, and how old each is when it has been counted.
import { defineJob, generate, valueState } from '@millrace/api';
import { random } from '../../peers/jobs/random.ts';

const KEYS = 100_000;
const PAYLOAD = 'x'.repeat(150);

/** Each slot is a thread with modules of its own: records of another slot come from another process where each has one slot. */
const slot = Math.random();
const now = (): number => performance.timeOrigin + performance.now();
const openedMs = now();

export default defineJob('latency', (env) => {
  const { params } = env;
  const warmUpMs = params.duration('warmUp', '5 s');
  const countUntilMs = warmUpMs + params.duration('measured', '20 s');
  env.options({ checkpoint: { interval: '10 s' } });
  env
    .source(
      generate({ splits: params.number('p', 2) }, (index) => ({
        id: random(index, KEYS),
        madeMs: now(),
        slot,
        payload: PAYLOAD,
      })),
      { ratePerSecond: params.number('ratePerSecond', 100_000) },
    )
    .keyBy(({ id }) => id)
    .process({
      state: { count: valueState({ initial: 0 }) },
      onRecord({ madeMs, slot: madeIn, payload }, { state, metrics }) {
        state.count.update(state.count.value() + payload.length);
        const runningMs = madeMs - openedMs;
        if (madeIn !== slot && runningMs >= warmUpMs && runningMs < countUntilMs)
          metrics.histogram('latency_ms').update(now() - madeMs);
      },
    })
    .forEach(() => {});
});
