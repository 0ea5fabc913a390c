// The job of the soak: counts by key and in sliding windows without end. Its sink can be made slow for a while.
import { count, defineJob, generate, monotonous, sliding, sum, valueState } from '@millrace/api';

const KEYS = 10_000;
/** A sink that owes more time than this waits. */
const DEBT_MS_MAX = 20;
const SLOWNESS = 100;

export default defineJob('steady', (env) => {
  const { params } = env;
  env.options({ checkpoint: { interval: '1 second' } });
  const slowFromMs = params.number('slowFromMs', Infinity);
  const slowUntilMs = params.number('slowUntilMs', Infinity);
  const ratePerSecond = params.number('ratePerSecond', 0);

  const records = env
    .source(
      generate({ splits: 4 }, (index) => ({
        key: index % KEYS,
        value: index & 1023,
        at: Math.floor(index / 1_000),
      })),
      ratePerSecond > 0 ? { ratePerSecond } : {},
    )
    .watermarks(
      // Else the four drift apart for ever, and with them grows what the windows hold.
      monotonous((record) => record.at, { alignment: { group: 'records', maxDrift: '15 seconds' } }),
    )
    .uid('records');

  records
    .keyBy((record) => record.key)
    .window(sliding('60 seconds', '5 seconds'))
    .aggregate({ records: count(), sum: sum((record) => record.value) })
    .uid('windows')
    .forEach(() => undefined);

  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  const sink = { startMs: 0, before: 0, debtMs: 0 };
  records
    .keyBy((record) => record.key)
    .process({
      state: { seen: valueState({ initial: 0 }) },
      onRecord(_record, { state }) {
        const seen = state.seen.value() + 1;
        state.seen.update(seen);
        return [seen];
      },
    })
    .uid('counted')
    .forEach(() => {
      // A hundredth of its own speed so far, measured by itself.
      if (slowFromMs === Infinity) return;
      const nowMs = Date.now();
      if (sink.startMs === 0) sink.startMs = nowMs;
      const ageMs = nowMs - sink.startMs;
      if (ageMs < slowFromMs) sink.before++;
      else if (ageMs < slowUntilMs) {
        sink.debtMs += (slowFromMs / sink.before) * SLOWNESS;
        if (sink.debtMs < DEBT_MS_MAX) return;
        Atomics.wait(sleeper, 0, 0, sink.debtMs);
        sink.debtMs = 0;
      }
    });
});
