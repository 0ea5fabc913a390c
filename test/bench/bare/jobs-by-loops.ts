// Whole jobs on one thread beside loops that give the same results.
import { count, defineJob, generate, monotonous, tumbling, type JobDefinition } from '@millrace/api';
import { M_RECORDS } from '../bid-batches.ts';
import { runLocalJob } from '../local-job.ts';
import { events, random } from '../peers/jobs/random.ts';
import type { BareComparison, Outcome } from './bare-comparison.ts';
import { CountTable } from './count-table.ts';

const ENGINE = 'a job on one thread, its start included';
const TIMES = { ...M_RECORDS, turnMs: 400, rounds: 3, warmUps: 1 } as const;

const WORDS = 5_000;
const WINDOW_MS = 10_000;
const WINDOW_KEYS = 10_000;
/** So many that the start of a job and the compilation of its loops are a small part. */
const PASSED = 100_000_000;
const COUNTED = 20_000_000;

/** What a job's last function adds up. */
interface Total {
  value: number;
}

/** A loop beside a job of as many records. */
function beside(
  of: Pick<BareComparison, 'what' | 'loop'> & { readonly records: number },
  loop: () => number,
  jobOf: (total: Total) => JobDefinition,
): BareComparison {
  const { records, ...named } = of;
  const total: Total = { value: 0 };
  const job = jobOf(total);
  const outcome = (result: number): Outcome => ({ units: records, result });
  return {
    ...TIMES,
    ...named,
    engine: ENGINE,
    runLoop: () => outcome(loop()),
    runEngine: async () => {
      total.value = 0;
      await runLocalJob(job);
      return outcome(total.value);
    },
  };
}

export function jobComparisons(): readonly BareComparison[] {
  return [passthrough(), keyedCount(10_000), keyedCount(1_000_000), wordCount(), windowedCount()];
}

function passthrough(): BareComparison {
  const eventAt = events(1_000_000, PASSED, 1);
  return beside(
    { what: 'passthrough: map, filter', loop: 'the functions in one loop', records: PASSED },
    () => {
      let sum = 0;
      for (let index = 0; index < PASSED; index++) {
        const { key, time } = eventAt(index);
        const mapped = { key, time: time + 1 };
        if (mapped.key % 2 === 0) sum += mapped.time;
      }
      return sum;
    },
    (total) =>
      defineJob(
        'bare-passthrough',
        (env) => {
          env
            .source(generate({ count: PASSED }, events(1_000_000, PASSED, 1)))
            .map((event) => ({ key: event.key, time: event.time + 1 }))
            .filter((event) => event.key % 2 === 0)
            .forEach((event) => void (total.value += event.time));
        },
        { checkpoint: false },
      ),
  );
}

function keyedCount(keys: number): BareComparison {
  return beside(
    {
      what: `count by ${keys.toLocaleString('en')} keys, each count read`,
      loop: 'open addressing in typed arrays, sized from the start',
      records: COUNTED,
    },
    () => {
      const table = new CountTable(keys);
      let sum = 0;
      for (let index = 0; index < COUNTED; index++) sum += table.add(random(index, keys));
      return sum;
    },
    (total) =>
      defineJob(
        `bare-keyed-${keys}`,
        (env) => {
          env
            .source(generate({ count: COUNTED }, (index) => random(index, keys)))
            .keyBy((id) => id)
            .aggregate({ count: count() })
            .forEach((row) => void (total.value += row.count));
        },
        { checkpoint: false },
      ),
  );
}

function wordCount(): BareComparison {
  const words = Array.from({ length: WORDS }, (_, index) => `word-${index}`);
  return beside(
    { what: 'word count, 5,000 words, each count read', loop: 'a Map of objects', records: COUNTED },
    () => {
      const counts = new Map<string, { count: number }>();
      let sum = 0;
      for (let index = 0; index < COUNTED; index++) {
        const word = words[random(index, WORDS)] ?? '';
        let entry = counts.get(word);
        if (entry === undefined) counts.set(word, (entry = { count: 0 }));
        sum += ++entry.count;
      }
      return sum;
    },
    (total) =>
      defineJob(
        'bare-words',
        (env) => {
          env
            .source(generate({ count: COUNTED }, (index) => words[random(index, WORDS)] ?? ''))
            .keyBy((word) => word)
            .aggregate({ count: count() })
            .forEach((row) => void (total.value += row.count));
        },
        { checkpoint: false },
      ),
  );
}

function windowedCount(): BareComparison {
  return beside(
    {
      what: 'count by 10,000 keys in windows of 10 s',
      loop: 'open addressing in typed arrays, emptied at the end of each window',
      records: COUNTED,
    },
    () => {
      const eventAt = events(WINDOW_KEYS, COUNTED, 1);
      const table = new CountTable(WINDOW_KEYS);
      let sum = 0;
      let end = WINDOW_MS;
      const fire = (): number => table.drain((key, counted) => counted * (key + 1));
      for (let index = 0; index < COUNTED; index++) {
        const { key, time } = eventAt(index);
        if (time >= end) {
          sum += fire();
          end += WINDOW_MS;
        }
        table.add(key);
      }
      return sum + fire();
    },
    (total) =>
      defineJob(
        'bare-windows',
        (env) => {
          env
            .source(generate({ count: COUNTED, isOrdered: true }, events(WINDOW_KEYS, COUNTED, 1)))
            .watermarks(monotonous((event) => event.time))
            .keyBy((event) => event.key)
            .window(tumbling('10 s'))
            .aggregate({ count: count() })
            .forEach((row) => void (total.value += row.count * (row.key + 1)));
        },
        { checkpoint: false },
      ),
  );
}
