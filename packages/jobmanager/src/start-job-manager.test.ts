import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Client,
  credentials,
  Metadata,
  status,
  type ClientDuplexStream,
  type ServiceError,
} from '@grpc/grpc-js';
import { asJobId, asTaskManagerId, silentLogger, type JobId } from '@millrace/common';
import {
  CONTROL_MESSAGE_BYTES_MAX,
  DISPATCHER_SERVICE,
  RESOURCE_MANAGER_SERVICE,
  type JobEvent,
  type JobSubmission,
  type SlotDeployment,
  type StreamGraphJson,
  type AddressedMessage,
  type TaskManagerMessage,
  type TaskReport,
} from '@millrace/proto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectDispatcher, type DispatcherClient } from './adapter/dispatcher-client.ts';
import { startJobManager, type RunningJobManager } from './start-job-manager.ts';
import { keyedGraph } from './test-kit/graphs.testing.ts';

const token = 'secret';
const artifactBytes = new Uint8Array(600_000).fill(7);
const sha256 = createHash('sha256').update(artifactBytes).digest('hex');
let directory = '';
const closing: (() => unknown)[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-jobmanager-'));
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await rm(directory, { recursive: true, force: true });
});

async function start(): Promise<RunningJobManager> {
  const running = await startJobManager({
    port: 0,
    token,
    directory: join(directory, 'jm'),
    checkpointDirectory: join(directory, 'checkpoints'),
    log: silentLogger,
    heartbeatIntervalMs: 200,
    heartbeatTimeoutMs: 5_000,
  });
  closing.push(() => running.close());
  return running;
}

async function dispatcher(running: RunningJobManager, shown = token): Promise<DispatcherClient> {
  const client = await connectDispatcher({ address: running.address, token: shown });
  closing.push(() => client.close());
  return client;
}

function submission(streamGraph: StreamGraphJson, id = '0'): JobSubmission {
  return {
    jobId: asJobId(id.repeat(32)),
    streamGraph,
    isWaiting: false,
    artifact: {
      version: 1,
      entry: 'job.mjs',
      files: [{ path: 'job.mjs', sha256, bytes: artifactBytes.byteLength }],
    },
    submission: { args: [], params: {}, environment: {}, baseDirectory: '/' },
  };
}

/** A TaskManager that does at once what it is told, and reads to its end at its second checkpoint. */
class EagerTaskManager {
  readonly received: AddressedMessage[] = [];
  readonly closed: Promise<void>;
  readonly #client: Client;
  readonly #call: ClientDuplexStream<TaskManagerMessage, AddressedMessage>;
  readonly #from: { taskManagerId: ReturnType<typeof asTaskManagerId>; instanceId: string };
  readonly #slots = new Map<number, SlotDeployment>();

  constructor(address: string, name: string, shown = token) {
    this.#from = { taskManagerId: asTaskManagerId(name), instanceId: `${name}-instance` };
    this.#client = new Client(address, credentials.createInsecure());
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${shown}`);
    const { path, requestSerialize, responseDeserialize } = RESOURCE_MANAGER_SERVICE.connect;
    this.#call = this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
    this.#call.on('data', (message: AddressedMessage) => this.#receive(message));
    this.closed = new Promise((resolve) => {
      this.#call.on('error', () => resolve());
      this.#call.on('end', () => resolve());
    });
    this.#call.write({
      kind: 'register',
      ...this.#from,
      address: '',
      pid: process.pid,
      slots: [
        { slotIndex: 0, dataAddress: 'x:1' },
        { slotIndex: 1, dataAddress: 'x:2' },
      ],
    });
    closing.push(() => this.die());
  }

  die(): void {
    this.#call.cancel();
    this.#client.close();
  }

  /** The subtask of the first slot prints lines 1 to `count`. */
  print(count: number): void {
    const slot = this.#slots.get(0);
    if (slot === undefined) throw new Error('nothing is deployed');
    for (let from = 1; from <= count; from += 500) {
      const lines = Array.from({ length: Math.min(500, count - from + 1) }, (_line, index) => ({
        nodeId: 3,
        subtaskIndex: 0,
        sequence: from + index,
        form: 'text',
        text: `line ${from + index} of the job`,
      }));
      this.#report(slot, { kind: 'output', lines });
    }
  }

  #receive(message: AddressedMessage): void {
    this.received.push(message);
    if (message.kind === 'deploy') this.#deploy(message.deployment);
    else if (message.kind === 'trigger-checkpoint')
      for (const slot of this.#slots.values()) this.#acknowledge(slot, message.checkpointId);
    else if (message.kind === 'checkpoint-complete')
      for (const slot of this.#slots.values()) this.#complete(slot, message.checkpointId);
    else if (message.kind === 'cancel' || message.kind === 'finish') {
      const slot = this.#slots.get(message.slotIndex);
      this.#slots.delete(message.slotIndex);
      if (slot !== undefined) this.#report(slot, { kind: 'slot-ended' });
    }
  }

  #deploy(deployment: SlotDeployment): void {
    if (deployment.mode === 'prepare') {
      this.#report(deployment, { kind: 'slot-prepared' });
      this.#report(deployment, { kind: 'slot-ended' });
      return;
    }
    this.#slots.set(deployment.slotIndex, deployment);
    this.#report(deployment, { kind: 'slot-running' });
    this.#report(deployment, {
      kind: 'output',
      lines: [{ nodeId: 3, subtaskIndex: deployment.slotIndex, sequence: 0, form: 'text', text: 'hello' }],
    });
  }

  #acknowledge(slot: SlotDeployment, checkpointId: number): void {
    for (const { executionAttemptId, subtaskIndex, vertex } of slot.subtasks) {
      const snapshot = {
        subtaskIndex,
        parallelism: vertex.parallelism,
        watermarkMs: null,
        operators: [],
        newBytes: 0,
        totalBytes: 0,
      };
      this.#report(slot, {
        kind: 'checkpoint-acknowledged',
        executionAttemptId,
        checkpointId,
        snapshot,
        alignmentMs: 0,
        syncMs: 0,
        asyncMs: 0,
      });
    }
  }

  #complete(slot: SlotDeployment, checkpointId: number): void {
    this.#report(slot, { kind: 'commit-acknowledged', checkpointId });
    for (const { executionAttemptId } of slot.subtasks)
      this.#report(slot, { kind: 'end-of-input', executionAttemptId });
  }

  #report(slot: SlotDeployment, body: { kind: TaskReport['kind'] } & Record<string, unknown>): void {
    const { jobId, attemptNumber, slotIndex, leaderEpoch } = slot;
    this.#call.write({ ...this.#from, jobId, attemptNumber, slotIndex, leaderEpoch, ...body } as TaskReport);
  }
}

async function submit(client: DispatcherClient, job: JobSubmission): Promise<JobId> {
  return client.submit(job, () => artifactBytes).then((result) => result.jobId);
}

test('a job is submitted, run, checkpointed and finished over gRPC, and its client sees it all', async () => {
  const running = await start();
  const taskManager = new EagerTaskManager(running.address, 'tm');
  const client = await dispatcher(running);
  await expect
    .poll(() => client.processes())
    .toMatchObject([
      { kind: 'jobmanager', pid: process.pid, address: running.address },
      { kind: 'taskmanager', id: 'tm', slots: 2, freeSlots: 2 },
    ]);
  const jobId = await submit(
    client,
    submission(keyedGraph({ parallelism: 2, checkpointIntervalMs: 20, checkpointMinPauseMs: 0 })),
  );
  const events: JobEvent[] = [];
  await client.watch(jobId, (event) => events.push(event));
  expect(events.at(-1)).toMatchObject({
    kind: 'status',
    status: {
      state: 'FINISHED',
      checkpoints: { completedCount: expect.toSatisfy((count: number) => count >= 2) as unknown },
    },
  });
  expect(
    events.flatMap((event) => (event.kind === 'output' ? event.lines.map(({ text }) => text) : [])),
  ).toEqual(['hello', 'hello']);
  expect(await client.list()).toMatchObject([{ jobId, state: 'FINISHED' }]);
  expect(taskManager.received.map(({ kind }) => kind)).toContain('finish');
  await expect(client.cancel(jobId)).rejects.toMatchObject({ code: 'MR_JOB_FINISHED' });
  await expect.poll(() => readdir(join(directory, 'jm', 'artifacts'))).toEqual([]);
});

test('a client that is attached gets each of 200,000 lines that a job prints, in their order', async () => {
  const running = await start();
  const taskManager = new EagerTaskManager(running.address, 'tm');
  const client = await dispatcher(running);
  await expect.poll(async () => (await client.processes()).length).toBe(2);
  const jobId = await submit(
    client,
    submission(keyedGraph({ parallelism: 2, checkpointIntervalMs: 60_000 })),
  );
  let next = 0;
  let isPrinting = false;
  await client.watch(jobId, (event) => {
    if (event.kind === 'output') {
      for (const { subtaskIndex, sequence } of event.lines)
        if (subtaskIndex === 0) expect(sequence).toBe(next++);
      if (next === 200_001) void client.cancel(jobId);
    } else if (event.status.state === 'RUNNING' && !isPrinting) {
      isPrinting = true;
      taskManager.print(200_000);
    }
  });
  expect(next).toBe(200_001);
});

test('a TaskManager’s death is noticed at once, and its job runs again when another comes', async () => {
  const running = await start();
  const first = new EagerTaskManager(running.address, 'tm');
  const client = await dispatcher(running);
  await expect.poll(async () => (await client.processes()).length).toBe(2);
  const jobId = await submit(
    client,
    submission(keyedGraph({ parallelism: 2, checkpointIntervalMs: 60_000 })),
  );
  await expect.poll(async () => (await client.describe(jobId)).state).toBe('RUNNING');
  first.die();
  await expect.poll(async () => (await client.describe(jobId)).state).toBe('RESTARTING');
  const second = new EagerTaskManager(running.address, 'tm');
  await expect.poll(async () => (await client.describe(jobId)).state).toBe('RUNNING');
  expect(second.received.filter(({ kind }) => kind === 'deploy')).toHaveLength(2);
  await client.cancel(jobId);
  await expect.poll(async () => (await client.describe(jobId)).state).toBe('CANCELED');
});

test('a JobManager started anew over the same directory takes its jobs up under a new epoch', async () => {
  const running = await start();
  const taskManager = new EagerTaskManager(running.address, 'tm');
  const client = await dispatcher(running);
  await expect.poll(async () => (await client.processes()).length).toBe(2);
  const jobId = await submit(
    client,
    submission(keyedGraph({ parallelism: 2, checkpointIntervalMs: 60_000 })),
  );
  await expect.poll(async () => (await client.describe(jobId)).state).toBe('RUNNING');
  await running.close();
  await taskManager.closed;
  const again = await start();
  expect(again.jobManager.leaderEpoch).toBe(2);
  const other = new EagerTaskManager(again.address, 'tm');
  await expect.poll(() => again.jobManager.describe(jobId).state).toBe('RUNNING');
  expect(other.received.find(({ kind }) => kind === 'deploy')).toMatchObject({
    leaderEpoch: 2,
    deployment: { attemptNumber: 3, mode: 'run' },
  });
});

test('artifact files are handed out as they were submitted', async () => {
  const running = await start();
  const taskManager = new EagerTaskManager(running.address, 'tm');
  const client = await dispatcher(running);
  await expect.poll(async () => (await client.processes()).length).toBe(2);
  await submit(client, submission(keyedGraph({ checkpointIntervalMs: 60_000 })));
  const raw = new Client(running.address, credentials.createInsecure());
  closing.push(() => raw.close());
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  const { path, requestSerialize, responseDeserialize } = RESOURCE_MANAGER_SERVICE.fetchArtifact;
  const chunks: Uint8Array[] = [];
  for await (const chunk of raw.makeServerStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    sha256,
    metadata,
  ))
    chunks.push(chunk as Uint8Array);
  expect(Buffer.concat(chunks).equals(artifactBytes)).toBe(true);
  expect(taskManager.received.length).toBeGreaterThan(0);
});

test('bytes that are not those of the manifest are refused', async () => {
  const client = await dispatcher(await start());
  await expect(client.submit(submission(keyedGraph()), () => new Uint8Array(600_000))).rejects.toMatchObject({
    code: 'MR_ARTIFACT_CORRUPT',
  });
  await expect(client.submit(submission(keyedGraph()), () => new Uint8Array(10))).rejects.toMatchObject({
    code: 'MR_PROTOCOL',
  });
  await expect.poll(() => readdir(join(directory, 'jm', 'artifacts'))).toEqual([]);
});

test('a refused submission brings the JobManager’s own error to the client', async () => {
  const client = await dispatcher(await start());
  await expect(submit(client, submission(keyedGraph({ parallelism: 2 })))).rejects.toMatchObject({
    code: 'MR_TOO_FEW_SLOTS',
    details: { slotsMissing: 2 },
  });
  // It leaves nothing, unless another job needs it.
  await expect.poll(() => readdir(join(directory, 'jm', 'artifacts'))).toEqual([]);
  await submit(client, { ...submission(keyedGraph()), jobId: asJobId('e'.repeat(32)), isWaiting: true });
  await expect(submit(client, submission(keyedGraph({ parallelism: 2 })))).rejects.toMatchObject({
    code: 'MR_TOO_FEW_SLOTS',
  });
  await expect.poll(() => readdir(join(directory, 'jm', 'artifacts'))).toEqual([sha256]);
  await expect(client.describe(asJobId('f'.repeat(32)))).rejects.toMatchObject({ code: 'MR_JOB_NOT_FOUND' });
});

test('a submission that starts from what is no checkpoint, or a damaged one, is refused and leaves no job', async () => {
  const client = await dispatcher(await start());
  const submit = (restoreFrom: string): Promise<unknown> =>
    client.submit({ ...submission(keyedGraph()), isWaiting: true, restoreFrom }, () => artifactBytes);
  await expect(submit(directory)).rejects.toMatchObject({
    code: 'MR_SAVEPOINT_NOT_FOUND',
    message: expect.stringContaining('there is no _metadata in it'),
  });
  await writeFile(join(directory, '_metadata'), 'x');
  await expect(submit(directory)).rejects.toMatchObject({ code: 'MR_CHECKPOINT_CORRUPT' });
  expect(await client.list()).toEqual([]);
});

test('every call must show the token', async () => {
  const running = await start();
  const client = await dispatcher(running, 'guess');
  const jobId = asJobId('f'.repeat(32));
  for (const call of [
    () => client.list(),
    () => client.describe(jobId),
    () => client.cancel(jobId),
    () => client.processes(),
    () => client.watch(jobId, () => undefined),
    () => submit(client, submission(keyedGraph())),
  ]) {
    await expect(call()).rejects.toMatchObject({ code: 'MR_UNAUTHENTICATED' });
  }
  await new EagerTaskManager(running.address, 'tm', 'guess').closed;
  expect(running.jobManager.processes()).toHaveLength(1);
});

test('a taken port, a second JobManager on one directory, a foreign address and no cluster each give their error', async () => {
  const server = createServer();
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
  closing.push(() => server.close());
  const options = {
    token,
    directory: join(directory, 'jm'),
    checkpointDirectory: join(directory, 'checkpoints'),
    log: silentLogger,
  };
  await expect(startJobManager({ ...options, port })).rejects.toMatchObject({ code: 'MR_PORT_TAKEN' });
  await expect(startJobManager({ ...options, port: 0, host: '0.0.0.0' })).rejects.toMatchObject({
    code: 'MR_OPTION_INVALID',
  });
  const running = await start();
  await expect(startJobManager({ ...options, port: 0 })).rejects.toMatchObject({
    code: 'MR_CLUSTER_RUNNING',
  });
  const address = running.address;
  await running.close();
  const startedMs = performance.now();
  await expect(connectDispatcher({ address, token })).rejects.toMatchObject({ code: 'MR_NO_CLUSTER' });
  expect(performance.now() - startedMs).toBeLessThan(2_000);
});

test('a message above the limit is refused before it is read', async () => {
  const running = await start();
  const client = new Client(running.address, credentials.createInsecure(), {
    'grpc.max_send_message_length': -1,
  });
  closing.push(() => client.close());
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  const { path, responseDeserialize } = DISPATCHER_SERVICE.submitJob;
  const error = await new Promise<ServiceError | null>((resolve) => {
    const serialize = (bytes: Buffer): Buffer => bytes;
    const call = client.makeClientStreamRequest(path, serialize, responseDeserialize, metadata, resolve);
    call.on('error', () => undefined); // The callback has it.
    call.write(Buffer.alloc(CONTROL_MESSAGE_BYTES_MAX + 1));
  });
  expect(error?.code).toBe(status.RESOURCE_EXHAUSTED);
});
