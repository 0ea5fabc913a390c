// Keeps Buffers, which no heap limit counts, until its process takes more memory than `megabytes`: the first process only, whose
// pid stands in the file `marker`. Writes each number once.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { defineJob, generate } from '@millrace/api';
import { jsonLines } from '@millrace/connector-files';

const CHUNK_BYTES = 8 * 1024 * 1024;
const kept: Buffer[] = [];

export default defineJob(
  'buffers',
  (env) => {
    const { params } = env;
    const [marker, bytesMax] = [params.string('marker', ''), params.number('megabytes', 0) * 1024 * 1024];
    const hoard = (): void => {
      if (!existsSync(marker)) writeFileSync(marker, String(process.pid));
      if (readFileSync(marker, 'utf8') !== String(process.pid) || process.memoryUsage.rss() > bytesMax)
        return;
      kept.push(Buffer.alloc(CHUNK_BYTES, 1));
    };
    env
      .source(
        generate({ count: params.number('count', 1), splits: 1 }, (index) => ({ number: index })),
        { ratePerSecond: params.number('ratePerSecond', 1_000) },
      )
      .map((record) => {
        if (record.number % 10 === 0) hoard();
        return { number: record.number };
      })
      .sink(jsonLines({ path: params.string('out', 'out') }));
  },
  { checkpoint: { interval: '500 ms' } },
);
