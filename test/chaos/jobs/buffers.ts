// Keeps Buffers, which no heap limit counts, until its process takes more memory than `megabytes`: the first process only, whose
// pid stands in the file `marker`. Writes each number once: that process gets no further than to the last one but one, however
// long it takes to be found out.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { defineJob, defineSource } from '@millrace/api';
import { jsonLines } from '@millrace/connector-files';

const CHUNK_BYTES = 8 * 1024 * 1024;
const RECORDS_PER_CHUNK = 100;
const kept: Buffer[] = [];

/** True in the process that hoards. */
function hoard(marker: string, bytesMax: number): boolean {
  if (!existsSync(marker)) writeFileSync(marker, String(process.pid));
  if (readFileSync(marker, 'utf8') !== String(process.pid)) return false;
  if (process.memoryUsage.rss() <= bytesMax) kept.push(Buffer.alloc(CHUNK_BYTES, 1));
  return true;
}

export default defineJob(
  'buffers',
  (env) => {
    const { params } = env;
    const [marker, bytesMax] = [params.string('marker', ''), params.number('megabytes', 0) * 1024 * 1024];
    const count = params.number('count', 1);
    const numbers = defineSource({
      name: 'numbers',
      splits: [{ id: 'all' }],
      start: 0,
      async *read(_split, from) {
        for (let position = from; position < count;) {
          const isHoarding = hoard(marker, bytesMax);
          const end = Math.min(position + RECORDS_PER_CHUNK, isHoarding ? count - 1 : count);
          const records = Array.from({ length: end - position }, (_, index) => ({
            number: position + index,
          }));
          position = end;
          yield { records, position };
          if (isHoarding) await delay(10);
        }
      },
    });
    env.source(numbers).sink(jsonLines({ path: params.string('out', 'out') }));
  },
  { checkpoint: { interval: '500 ms' } },
);
