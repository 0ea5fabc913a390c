// A function of the user's that throws at the third record, each time.
import { defineJob, fromArray } from '@millrace/api';

function halve(value: number): number {
  if (value === 3) throw new RangeError(`${value} cannot be halved`);
  return value / 2;
}

export default defineJob('throws', (env) => {
  env.options({ restart: { type: 'fixed-delay', delay: '20ms', attempts: 2 } });
  env
    .source(fromArray([2, 4, 3, 8]))
    .map((value) => halve(value))
    .uid('halved')
    .print();
});
