// Records that cannot be read or processed, in whole jobs: what is on disk afterwards, and what is counted.
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  defineJob,
  defineSource,
  fromArray,
  type DeadLetter,
  type JobOptions,
  type SourceOptions,
} from '@millrace/api';
import { executeJob } from './execute-job.ts';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-dead-letters-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Numbers from 1; each third cannot be read. */
function numbers(count: number) {
  return defineSource({
    name: 'numbers',
    splits: [{ id: 'a' }],
    start: 0,
    *read(_split, position) {
      for (let n = position + 1; n <= count; n++) {
        const malformed = [{ position: `number ${n}`, reason: 'a third', raw: Uint8Array.from([0x66, n]) }];
        yield n % 3 === 0
          ? { records: [], malformed, position: n }
          : { records: [n], position: n, positionOf: () => `number ${n}` };
      }
    },
  });
}

/** Lines of all files below the directory, parsed, in the order of their positions. */
async function lettersIn(path: string): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = [];
  for (const name of await readdir(path)) {
    if (name.startsWith('.')) throw new Error(`${name} is left behind`);
    const text = await readFile(join(path, name), 'utf8');
    for (const line of text.trimEnd().split('\n')) letters.push(JSON.parse(line) as DeadLetter);
  }
  return letters.sort((a, b) => a.position.localeCompare(b.position));
}

function job(source: SourceOptions<number>, options: JobOptions = {}) {
  return defineJob(
    'thirds/and more',
    (env) => {
      env.source(numbers(7), source).print();
    },
    options,
  );
}

test('what cannot be read is written as JSON lines below the directory of the submission, and counted', async () => {
  const result = await executeJob(job({}), { baseDirectory: directory });
  expect(result.printed.map(({ text }) => text)).toEqual(['1', '2', '4', '5', '7']);
  expect(result.dropped).toEqual({ late: 0, skipped: 0, deadLettered: 2 });
  const letters = await lettersIn(join(directory, 'dead-letters', 'thirds_and more'));
  expect(letters.map(({ atMs: _atMs, operatorUid: _operatorUid, ...letter }) => letter)).toEqual(
    [3, 6].map((n) => ({
      operator: 'numbers',
      subtask: 0,
      position: `number ${n}`,
      code: 'MR_RECORD_MALFORMED',
      reason: 'a third',
      raw: `f${String.fromCharCode(n)}`,
      rawEncoding: 'utf8',
      rawBytes: 2,
      timestampMs: null,
    })),
  );
});

test('nothing is on disk when there are no dead letters', async () => {
  const clean = defineJob('clean', (env) => {
    const read = defineSource({
      name: 'one',
      splits: [{ id: 'a' }],
      start: 0,
      *read(_split, position) {
        if (position === 0) yield { records: [1], position: 1 };
      },
    });
    env
      .source(read)
      .map((n) => n)
      .onError('dead-letter')
      .print();
  });
  const result = await executeJob(clean, { baseDirectory: directory });
  expect(result.printed.length).toBe(1);
  expect(await readdir(directory)).toEqual([]);
});

test('a program says where else they go: another directory, a stream of its own, or nowhere', async () => {
  await executeJob(job({}, { deadLetters: 'bad/ones' }), { baseDirectory: directory });
  expect((await lettersIn(join(directory, 'bad', 'ones'))).length).toBe(2);

  const seen: string[] = [];
  const consuming = defineJob('consuming', (env) => {
    const read = env.source(numbers(7));
    read.print();
    read.deadLetters().forEach(({ position }) => void seen.push(position));
  });
  const consumed = await executeJob(consuming, { baseDirectory: directory });
  expect(consumed.dropped['deadLettered']).toBe(2);
  expect(seen).toEqual(['number 3', 'number 6']);

  const nowhere = await executeJob(job({}, { deadLetters: false }), { baseDirectory: directory });
  expect(nowhere.dropped).toEqual({ late: 0, skipped: 2, deadLettered: 0 });
  const skipping = await executeJob(job({ onMalformed: 'skip' }), { baseDirectory: directory });
  expect(skipping.dropped).toEqual({ late: 0, skipped: 2, deadLettered: 0 });
  expect(existsSync(join(directory, 'dead-letters'))).toBe(false);
});

test('a source that is told to fail says where the record is', async () => {
  await expect(executeJob(job({ onMalformed: 'fail' }), { baseDirectory: directory })).rejects.toMatchObject({
    code: 'MR_RECORD_MALFORMED',
    message: 'Cannot read the record at number 3 of "numbers": a third',
  });
});

test('each is written and counted once, though attempts fail in between', async () => {
  let failures = 0;
  const failing = defineJob(
    'failing',
    (env) => {
      env
        .source(numbers(60), { ratePerSecond: 400 })
        .map((n) => {
          if (n % 10 === 5) throw new RangeError('a five');
          return n;
        })
        .onError('dead-letter')
        .forEach((n) => {
          // Twice, at different places: what was read before the newest checkpoint is not read again.
          if ((n === 29 && failures === 0) || (n === 52 && failures === 1)) {
            failures++;
            throw new Error('the world fails');
          }
        });
    },
    {
      checkpoint: { interval: '20 ms' },
      restart: { type: 'fixed-delay', delay: 1, attempts: 5 },
    },
  );
  const result = await executeJob(failing, { baseDirectory: directory });
  expect(failures).toBe(2);
  const fives = [5, 25, 35, 55];
  const thirds = Array.from({ length: 20 }, (_, index) => (index + 1) * 3);
  expect(result.dropped).toEqual({ late: 0, skipped: 0, deadLettered: fives.length + thirds.length });
  const letters = await lettersIn(join(directory, 'dead-letters', 'failing'));
  const positions = [...fives, ...thirds].map((n) => `number ${n}`);
  expect(letters.map(({ position }) => position)).toEqual(positions.sort((a, b) => a.localeCompare(b)));
  expect(letters.find(({ position }) => position === 'number 25')).toMatchObject({
    operator: 'map',
    code: 'MR_USER_FUNCTION',
    reason: 'map function: RangeError: a five',
    raw: '25',
  });
});

test('a function that always fails gives up, and the message names the record’s position', async () => {
  const failing = defineJob(
    'failing',
    (env) => {
      env
        .source(numbers(7))
        .map((n) => {
          if (n === 5) throw new RangeError('a five');
          return n;
        })
        .print();
    },
    { restart: { type: 'fixed-delay', delay: 1, attempts: 2 } },
  );
  await expect(executeJob(failing, { baseDirectory: directory })).rejects.toMatchObject({
    code: 'MR_RESTARTS_EXHAUSTED',
    cause: {
      code: 'MR_USER_FUNCTION',
      message: expect.stringContaining('threw at number 5, on 5: RangeError: a five') as string,
    },
  });
});

test('an array and computed records know their numbers', async () => {
  const failing = defineJob(
    'failing',
    (env) => {
      env
        .source(fromArray(['a', 'b', 'c']))
        .map((text) => {
          if (text === 'c') throw new RangeError('a c');
          return text;
        })
        .print();
    },
    { restart: 'none' },
  );
  const shown: string[] = [];
  await expect(
    executeJob(
      failing,
      { baseDirectory: directory },
      {
        onEvent: (event) => {
          if (event.kind === 'output') shown.push(...event.lines.map(({ text }) => text));
        },
      },
    ),
  ).rejects.toMatchObject({ message: expect.stringContaining('at element 2 of the array, on c') as string });
  expect(shown).toEqual(['a', 'b']);
});
