// Has no end: runs until it is cancelled.
import { defineJob, generate } from '@millrace/api';

export default defineJob('forever', (env) => {
  env
    .source(generate({ ratePerSecond: 100 }, (index) => index))
    .filter((index) => index < 0)
    .print();
});
