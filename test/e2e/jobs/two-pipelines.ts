// Two pipelines that nothing connects: each counts into files of its own.
import { defineJob, generate } from '@millrace/api';
import { jsonLines } from '@millrace/connector-files';

export default defineJob('two-pipelines', (env) => {
  const { params } = env;
  const out = params.string('out', 'out');
  env.options({ checkpoint: { interval: '200ms' } });
  for (const name of ['left', 'right']) {
    env
      .source(
        generate({ count: params.number('count', 1_000), splits: 1 }, (index) => ({ number: index })),
        {
          ratePerSecond: params.number('ratePerSecond', 200),
        },
      )
      .uid(name)
      .map(({ number }) => ({ number, name }))
      .uid(`named-${name}`)
      .sink(jsonLines({ path: `${out}/${name}` }));
  }
});
