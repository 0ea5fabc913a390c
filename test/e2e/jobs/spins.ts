// A function of the user's that never returns.
import { defineJob, fromArray } from '@millrace/api';

export default defineJob('spins', (env) => {
  env
    .source(fromArray([1]))
    .map((value) => {
      for (;;) if (value < 0) return value;
    })
    .print();
});
