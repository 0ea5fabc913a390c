// Lines of which some cannot be read, and of which a function fails on others.
import { defineJob } from '@millrace/api';
import { jsonLines } from '@millrace/connector-files';

interface Line {
  readonly n: number;
  readonly text: string;
}

export default defineJob('bad-lines', (env) => {
  const { params } = env;
  const out = params.string('out');
  env.options({ checkpoint: { interval: '200ms' }, deadLetters: `${out}/dead` });
  env
    .source(
      jsonLines<Line>({ path: params.string('in'), splitBytes: params.number('splitBytes', 32 * 1024) }),
      {
        ratePerSecond: params.number('ratePerSecond'),
      },
    )
    .map(({ n, text }) => ({ n, digit: String(BigInt(text) % 10n) }))
    .onError('dead-letter')
    .keyBy((line) => line.digit)
    .process({ onRecord: ({ n }) => [{ n }] })
    .sink(jsonLines({ path: `${out}/good` }));
});
