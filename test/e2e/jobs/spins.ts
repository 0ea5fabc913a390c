// A function of the user's that never returns: `--where map`, `open` or `source`.
import { defineJob, fromArray, generate } from '@millrace/api';

function spin(): never {
  for (;;);
}

export default defineJob('spins', (env) => {
  const where = env.params.string('where', 'map');
  const numbers = where === 'source' ? env.source(generate({ splits: 1 }, spin)) : env.source(fromArray([1]));
  if (where === 'open') numbers.process({ open: spin, onRecord: (value) => [value] }).print();
  else numbers.map((value: number) => (where === 'map' ? spin() : value)).print();
});
