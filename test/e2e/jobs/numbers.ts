// Counts: prints each number, or writes it to files. What a test wants of it, it says behind `--`.
import { defineJob, generate } from '@millrace/api';
import { jsonLines } from '@millrace/connector-files';

export default defineJob('numbers', (env) => {
  const { params } = env;
  const count = params.number('count', 10);
  const ratePerSecond = params.number('ratePerSecond', 0);
  const out = params.string('out', '');
  env.options({
    checkpoint: { interval: '200ms', toleratedFailures: params.number('toleratedFailures', 3) },
  });

  const numbers = env
    .source(
      generate({ count, splits: 1 }, (index) => ({ number: index })),
      ratePerSecond > 0 ? { ratePerSecond } : {},
    )
    .map(({ number }) => ({ number, square: number * number }));

  if (out === '') numbers.print({ format: ({ number, square }) => `${number}² = ${square}` });
  else
    numbers.sink(
      jsonLines({ path: out, ifExists: params.string('ifExists', 'fail') as 'fail' | 'append' | 'replace' }),
    );
});
