import { execFileSync } from 'node:child_process';
import { closeSync, constants, existsSync, openSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { silentLogger, type MillraceError } from '@millrace/common';
import type { SubtaskLocation, TaskManagerMessage } from '@millrace/proto';
import { bundleJob, SUBMISSION, type BundledJob } from '../test/bundle-job.ts';
import { bundleSource } from '../test/bundle-source.ts';
import { deploymentsOf, JOB_ID } from '../test/plan-by-hand.ts';
import { ScriptedLeader } from '../test/scripted-leader.ts';
import { startTaskManager, type RunningTaskManager, type TaskManagerOptions } from './start-task-manager.ts';

type Message<K extends TaskManagerMessage['kind']> = Extract<TaskManagerMessage, { kind: K }>;

let workerEntry: URL;
let directory: string;
let leader: ScriptedLeader;
let address: string;
let taskManagers: RunningTaskManager[];

beforeAll(async () => {
  workerEntry = await bundleSource('src/thread/worker-main.ts');
});
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'task-manager-'));
  ({ leader, address } = await ScriptedLeader.open('secret'));
  taskManagers = [];
});
afterEach(async () => {
  await Promise.all(taskManagers.map((taskManager) => taskManager.close()));
  leader.close();
  await rm(directory, { recursive: true });
});

async function start(
  taskManagerId: string,
  slotCount: number,
  options: Partial<TaskManagerOptions> = {},
): Promise<RunningTaskManager> {
  const taskManager = await startTaskManager({
    jobManagerAddress: address,
    token: 'secret',
    taskManagerId,
    slotCount,
    workerEntry,
    log: silentLogger,
    directory: join(directory, taskManagerId),
    cancelGraceMs: 200,
    ...options,
  });
  taskManagers.push(taskManager);
  return taskManager;
}

const isKind =
  <K extends TaskManagerMessage['kind']>(kind: K, slotIndex?: number) =>
  (message: TaskManagerMessage): message is Message<K> =>
    message.kind === kind &&
    (slotIndex === undefined || ('slotIndex' in message && message.slotIndex === slotIndex));

async function slotsOf(taskManagerId: string): Promise<readonly SubtaskLocation[]> {
  const registration = await leader.until(
    (message): message is Message<'register'> =>
      message.kind === 'register' && message.taskManagerId === taskManagerId,
  );
  return registration.slots.map(({ slotIndex, dataAddress }) => ({ taskManagerId, slotIndex, dataAddress }));
}

function deploy(job: BundledJob, slots: readonly SubtaskLocation[], attemptNumber = 1): void {
  for (const [path, bytes] of job.files) {
    const file = job.artifact.files.find((entry) => entry.path === path);
    if (file !== undefined) leader.files.set(file.sha256, bytes);
  }
  const checkpointDirectory = join(directory, 'checkpoints');
  const deployments = deploymentsOf({
    graph: job.graph,
    artifact: job.artifact,
    submission: SUBMISSION,
    checkpointDirectory,
    slots,
    attemptNumber,
  });
  for (const [position, deployment] of deployments.entries()) {
    leader.send(
      { kind: 'deploy', leaderEpoch: leader.leaderEpoch, deployment },
      slots[position]?.taskManagerId,
    );
  }
}

function printed(): string[] {
  return leader.received
    .flatMap((message) => (message.kind === 'output' ? message.lines.map(({ text }) => text) : []))
    .sort();
}

/** Resolves when the job's function has come to where it blocks: a cancel that comes before ends the slot in good order. */
async function isThere(marker: string): Promise<void> {
  await expect.poll(() => existsSync(marker), { timeout: 20_000 }).toBe(true);
}

const WORDS = `
  import { defineJob, fromArray, count } from '@millrace/api';
  export default defineJob('words', (env) => {
    env.source(fromArray(['to be or not to be', 'that is the question']))
      .flatMap((line: string) => line.split(' '))
      .keyBy((word: string) => word)
      .aggregate({ count: count() })
      .print({ format: (row: { key: string; count: number }) => row.key + ' ' + row.count });
  });
`;
const WORDS_PRINTED = [
  'be 1',
  'be 2',
  'is 1',
  'not 1',
  'or 1',
  'question 1',
  'that 1',
  'the 1',
  'to 1',
  'to 2',
];

async function runToTheEnd(slots: readonly SubtaskLocation[], subtaskCount: number): Promise<void> {
  await leader.until(() => leader.received.filter(isKind('end-of-input')).length === subtaskCount);
  leader.send({
    kind: 'trigger-checkpoint',
    leaderEpoch: 1,
    jobId: JOB_ID,
    attemptNumber: 1,
    checkpointId: 1,
    timestampMs: 1,
    completedCheckpointId: 0,
    mode: 'continue',
  });
  await leader.until(() => leader.received.filter(isKind('checkpoint-acknowledged')).length === subtaskCount);
  leader.send({
    kind: 'checkpoint-complete',
    leaderEpoch: 1,
    jobId: JOB_ID,
    attemptNumber: 1,
    checkpointId: 1,
  });
  await leader.until(() => leader.received.filter(isKind('commit-acknowledged')).length === slots.length);
  for (const { slotIndex, taskManagerId } of slots) {
    leader.send(
      { kind: 'finish', leaderEpoch: 1, jobId: JOB_ID, attemptNumber: 1, slotIndex },
      taskManagerId,
    );
  }
  await leader.until(() => leader.received.filter(isKind('slot-ended')).length >= slots.length);
}

test('a TaskManager registers its slots, runs a job over two of them, takes its checkpoint and frees them', async () => {
  const job = await bundleJob({ 'job.ts': WORDS });
  await start('tm-1', 2);
  const slots = await slotsOf('tm-1');
  expect(slots.map(({ dataAddress }) => dataAddress)).toEqual([
    expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    expect.stringMatching(/^127\.0\.0\.1:\d+$/),
  ]);

  deploy(job, slots);
  await runToTheEnd(slots, 5);
  expect(printed()).toEqual(WORDS_PRINTED);
  expect(leader.received.filter(isKind('slot-failed'))).toEqual([]);
  const lastHeartbeat = leader.received.findLast(isKind('heartbeat'));
  expect(lastHeartbeat?.slots.map(({ jobId }) => jobId)).toEqual([undefined, undefined]);
});

test('two TaskManagers exchange data over gRPC', async () => {
  const job = await bundleJob({ 'job.ts': WORDS });
  await Promise.all([start('tm-1', 1), start('tm-2', 1)]);
  const slots = [...(await slotsOf('tm-1')), ...(await slotsOf('tm-2'))];

  deploy(job, slots);
  await runToTheEnd(slots, 5);
  expect(printed()).toEqual(WORDS_PRINTED);
});

test('a worker that never returns is terminated after the grace period, and its slot runs the next attempt', async () => {
  const marker = join(directory, 'blocked');
  const blocked = await bundleJob({
    'job.ts': `
      import { writeFileSync } from 'node:fs';
      import { defineJob, fromArray } from '@millrace/api';
      export default defineJob('blocked', (env) => {
        env.source(fromArray([1])).map((n: number) => {
          writeFileSync(${JSON.stringify(marker)}, '');
          for (;;) if (n > 2) return n;
        }).print();
      });
    `,
  });
  const words = await bundleJob({ 'job.ts': WORDS });
  await start('tm-1', 1);
  const [slot] = await slotsOf('tm-1');
  if (slot === undefined) throw new Error('no slot');
  deploy(blocked, [slot]);
  await isThere(marker);
  leader.send({ kind: 'cancel', leaderEpoch: 1, jobId: JOB_ID, attemptNumber: 1, slotIndex: 0 });
  await leader.until(isKind('slot-ended'));

  const heartbeat = leader.received.findLast(isKind('heartbeat'));
  const dataAddress = heartbeat?.slots[0]?.dataAddress ?? '';
  expect(dataAddress).not.toBe(slot.dataAddress);
  deploy(words, [{ ...slot, dataAddress }], 2);
  await leader.until(() => printed().length === WORDS_PRINTED.length);
  expect(printed()).toEqual(WORDS_PRINTED);
});

test('a worker that hangs in a call of the operating system cannot be terminated: the process is told to end', async () => {
  const pipe = join(directory, 'pipe');
  const marker = join(directory, 'hangs');
  execFileSync('mkfifo', [pipe]);
  const hung = await bundleJob({
    'job.ts': `
      import { openSync, writeFileSync } from 'node:fs';
      import { defineJob, fromArray } from '@millrace/api';
      export default defineJob('hung', (env) => {
        env.source(fromArray([1])).map((n: number) => {
          writeFileSync(${JSON.stringify(marker)}, '');
          return openSync(${JSON.stringify(pipe)}, 'r') + n;
        }).print();
      });
    `,
  });
  const stuck: MillraceError[] = [];
  await start('tm-1', 1, { terminationTimeoutMs: 300, onStuck: (error) => stuck.push(error) });
  const slots = await slotsOf('tm-1');
  deploy(hung, slots);
  await isThere(marker);
  leader.send({ kind: 'cancel', leaderEpoch: 1, jobId: JOB_ID, attemptNumber: 1, slotIndex: 0 });
  await expect.poll(() => stuck.length, { timeout: 10_000 }).toBe(1);
  expect(stuck[0]).toMatchObject({ code: 'MR_WORKER_LOST', details: { slotIndex: 0, jobId: JOB_ID } });
  expect(leader.received.filter(isKind('slot-ended'))).toEqual([]);

  closeSync(openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK)); // Lets the thread go, and with it this test.
  await leader.until(isKind('slot-ended'));
});

test('an error that user code throws outside of any operator fails the slot, and its stack points into the TypeScript', async () => {
  const job = await bundleJob({
    'job.ts': `
      import { defineJob, generate } from '@millrace/api';
      function throwLater(): void {
        setTimeout(() => {
          throw new Error('too late');
        }, 1);
      }
      export default defineJob('throws-later', (env) => {
        env.source(generate({ ratePerSecond: 10 }, (index) => index)).forEach((index: number) => { if (index === 0) throwLater(); });
      });
    `,
  });
  await start('tm-1', 1);
  deploy(job, await slotsOf('tm-1'));

  const failed = await leader.until(isKind('slot-failed'));
  expect(failed.error.code).toBe('MR_USER_FUNCTION');
  expect(failed.error.message).toContain('too late');
  expect(failed.error.stack).toContain('job.ts:5');
  await leader.until(isKind('slot-ended'));
});

test('a worker that ends itself fails its slot with MR_WORKER_LOST', async () => {
  const job = await bundleJob({
    'job.ts': `
      import { defineJob, fromArray } from '@millrace/api';
      export default defineJob('exits', (env) => {
        env.source(fromArray([1])).forEach(() => process.exit(3));
      });
    `,
  });
  await start('tm-1', 1);
  deploy(job, await slotsOf('tm-1'));
  const failed = await leader.until(isKind('slot-failed'));
  expect(failed.error).toMatchObject({ code: 'MR_WORKER_LOST' });
  await leader.until(isKind('slot-ended'));
});

test('an artifact runs outside of any node_modules, with a CommonJS dependency, a WASM asset and the submission it was given', async () => {
  const job = await bundleJob({
    'job.ts': `
      import { readFile } from 'node:fs/promises';
      import { defineJob, fromArray } from '@millrace/api';
      import shout from './shout.cjs';
      import wasmPath from './add.wasm';
      const { instance } = await WebAssembly.instantiate(await readFile(new URL(wasmPath, import.meta.url)));
      const add = instance.exports.add as (a: number, b: number) => number;
      export default defineJob('artifact', (env) => {
        const name = env.params.string('name');
        const greeting = process.env.GREETING ?? env.environment.GREETING;
        env.source(fromArray([1, 2])).map((n: number) => shout(greeting + ' ' + name) + add(n, 40) + process.argv.slice(2).join('')).print();
      });
    `,
    'shout.cjs': `const path = require('node:path'); module.exports = (text) => path.basename('/' + text.toUpperCase() + ' ');`,
    'add.wasm': Buffer.from(
      '0061736d0100000001070160027f7f017f030201000707010361646400000a09010700200020016a0b',
      'hex',
    ),
  });
  await start('tm-1', 1);
  deploy(job, await slotsOf('tm-1'));
  await leader.until(() => leader.received.filter(isKind('end-of-input')).length === 2);
  await leader.until(() => printed().length === 2);
  expect(printed()).toEqual(['HELLO WORLD 41--nameworld', 'HELLO WORLD 42--nameworld']);
});

test('an artifact whose bytes are not what its manifest says fails the slot with MR_ARTIFACT_CORRUPT', async () => {
  const job = await bundleJob({ 'job.ts': WORDS });
  await start('tm-1', 1);
  const files = job.artifact.files.map((file) => ({ ...file, sha256: 'f'.repeat(64) }));
  deploy({ ...job, artifact: { ...job.artifact, files } }, await slotsOf('tm-1'));
  expect((await leader.until(isKind('slot-failed'))).error.code).toBe('MR_ARTIFACT_CORRUPT');
});

test('a TaskManager registers with a restarted JobManager, which cancels what the old one deployed', async () => {
  const job = await bundleJob({
    'job.ts': `
      import { defineJob, generate } from '@millrace/api';
      export default defineJob('endless', (env) => { env.source(generate({ ratePerSecond: 100 }, (index) => index)).forEach(() => {}); });
    `,
  });
  await start('tm-1', 1);
  deploy(job, await slotsOf('tm-1'));
  await leader.until(isKind('slot-running'));
  leader.close();
  ({ leader } = await ScriptedLeader.open('secret', Number(address.split(':')[1])));
  leader.leaderEpoch = 2;

  const registration = await leader.until(isKind('register'));
  expect(registration.slots[0]).toMatchObject({ jobId: JOB_ID, attemptNumber: 1 });
  await leader.until(isKind('slot-ended'));
});

test('a TaskManager whose token is refused ends with MR_UNAUTHENTICATED', async () => {
  const taskManager = await start('tm-1', 1, { token: 'other' });
  await expect(taskManager.closed).rejects.toMatchObject({ code: 'MR_UNAUTHENTICATED' });
});

test('startTaskManager refuses a slot count out of range', async () => {
  await expect(start('tm-1', 0)).rejects.toMatchObject({ code: 'MR_OPTION_INVALID' });
});
