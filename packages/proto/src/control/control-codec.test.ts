import {
  asJobId,
  asJobVertexId,
  asTaskManagerId,
  executionAttemptId,
  toWireError,
  MillraceError,
} from '@millrace/common';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { AddressedMessage, JobEvent, TaskExecutorMessage, TaskManagerMessage } from './messages.ts';
import {
  decodeClientError,
  decodeJobEvent,
  decodeProcessList,
  decodeSavepointEvent,
  decodeSavepointRequest,
  decodeSubmitJobChunk,
  decodeSubmitJobResponse,
  encodeClientError,
  encodeJobEvent,
  encodeProcessList,
  encodeSavepointEvent,
  encodeSavepointRequest,
  encodeSubmitJobChunk,
  encodeSubmitJobResponse,
} from './dispatcher-codec.ts';
import { DATA_EXCHANGE_SERVICE, DISPATCHER_SERVICE } from './services.ts';
import { decodeTaskExecutorMessage, encodeTaskExecutorMessage } from './task-executor-codec.ts';
import { decodeTaskManagerMessage, encodeTaskManagerMessage } from './task-manager-codec.ts';

const jobId = asJobId('0123456789abcdef0123456789abcdef');
const attemptId = executionAttemptId(asJobVertexId('fedcba9876543210fedcba9876543210'), 3, 2);
const from = { taskManagerId: asTaskManagerId('tm-1'), instanceId: 'abcd' };
const header = { ...from, leaderEpoch: 7, jobId, attemptNumber: 2, slotIndex: 1 };
const error = toWireError(
  new MillraceError('MR_SINK_COMMIT', 'Cannot commit', { cause: new Error('disk full') }),
);
const snapshot = {
  subtaskIndex: 3,
  parallelism: 4,
  watermarkMs: null,
  operators: [],
  newBytes: 0,
  totalBytes: 10,
};

const fromTaskManager: readonly TaskManagerMessage[] = [
  {
    kind: 'register',
    ...from,
    address: '127.0.0.1:1',
    pid: 12,
    slots: [
      { slotIndex: 0, dataAddress: 'a:1' },
      { slotIndex: 1, dataAddress: 'a:2', jobId, attemptNumber: 1 },
    ],
  },
  {
    kind: 'heartbeat',
    ...from,
    leaderEpoch: 7,
    slots: [{ slotIndex: 0, dataAddress: '' }],
    rssBytes: 2 ** 40,
  },
  { kind: 'leaving', ...from, leaderEpoch: 7, limitMs: 30_000 },
  { kind: 'slot-prepared', ...header },
  { kind: 'slot-running', ...header },
  { kind: 'slot-ended', ...header },
  { kind: 'slot-failed', ...header, error, executionAttemptId: attemptId },
  { kind: 'slot-failed', ...header, error },
  { kind: 'end-of-input', ...header, executionAttemptId: attemptId },
  {
    kind: 'checkpoint-acknowledged',
    ...header,
    executionAttemptId: attemptId,
    checkpointId: 2 ** 47,
    snapshot,
    alignmentMs: 0.5,
    syncMs: 1,
    asyncMs: 2,
  },
  { kind: 'checkpoint-declined', ...header, executionAttemptId: attemptId, checkpointId: 5, error },
  { kind: 'commit-acknowledged', ...header, checkpointId: 5 },
  { kind: 'metrics', ...header, subtasks: [] },
  {
    kind: 'output',
    ...header,
    lines: [
      { nodeId: 1, subtaskIndex: 0, sequence: 9, form: 'row', text: '{}', title: 'Worst' },
      { nodeId: 1, subtaskIndex: 0, sequence: 10, form: 'text', text: '' },
    ],
  },
];

test('each message of a TaskManager survives encoding', () => {
  for (const message of fromTaskManager)
    expect(decodeTaskManagerMessage(encodeTaskManagerMessage(message))).toEqual(message);
});

const leaderEpoch = 3;
const deployment = {
  jobId,
  jobName: 'j',
  runId: 'r',
  leaderEpoch,
  attemptNumber: 1,
  linkSecret: '',
  regions: [0],
  slotIndex: 0,
  mode: 'run' as const,
  artifact: { version: 1 as const, entry: 'job.mjs', files: [] },
  submission: { args: [], params: {}, environment: {}, baseDirectory: '/' },
  streamGraph: { version: 1 as const, name: 'j', options: {} as never, nodes: [] },
  options: {} as never,
  checkpointDirectory: '/c',
  subtasks: [],
  parallelismOf: {},
};
const addressed = (message: TaskExecutorMessage): AddressedMessage => ({ ...message, instanceId: 'i1' });
const orders: readonly TaskExecutorMessage[] = [
  { kind: 'registered', leaderEpoch, heartbeatIntervalMs: 1_000, heartbeatTimeoutMs: 5_000 },
  { kind: 'deploy', leaderEpoch, deployment },
  { kind: 'cancel', leaderEpoch, jobId, attemptNumber: 1, slotIndex: 2 },
  {
    kind: 'trigger-checkpoint',
    leaderEpoch,
    jobId,
    attemptNumber: 1,
    checkpointId: 2,
    timestampMs: 1.7e12,
    completedCheckpointId: 1,
    mode: 'stop',
  },
  { kind: 'checkpoint-complete', leaderEpoch, jobId, attemptNumber: 1, checkpointId: 1 },
  { kind: 'checkpoint-aborted', leaderEpoch, jobId, attemptNumber: 1, checkpointId: 1 },
  { kind: 'finish', leaderEpoch, jobId, attemptNumber: 1, slotIndex: 0 },
  { kind: 'align-watermarks', leaderEpoch, jobId, attemptNumber: 1, limitsMs: { g: 1.7e12, all: null } },
  { kind: 'may-leave', leaderEpoch },
];
const fromJobManager = orders.map(addressed);

test('each message to a TaskExecutor survives encoding', () => {
  for (const message of fromJobManager)
    expect(decodeTaskExecutorMessage(encodeTaskExecutorMessage(message))).toEqual(message);
});

test('a message to a TaskExecutor that names no process is refused', () => {
  const [first] = fromJobManager;
  if (first === undefined) throw new Error('there is none');
  const bytes = encodeTaskExecutorMessage({ ...first, instanceId: '' });
  expect(() => decodeTaskExecutorMessage(bytes)).toThrow(expect.objectContaining({ code: 'MR_PROTOCOL' }));
});

test('a deployment that contradicts its header is refused', () => {
  const bytes = encodeTaskExecutorMessage(addressed({ kind: 'deploy', leaderEpoch: 4, deployment }));
  expect(() => decodeTaskExecutorMessage(bytes)).toThrow(expect.objectContaining({ code: 'MR_PROTOCOL' }));
});

test('parts of a submission survive encoding, and a hash that is none is refused', () => {
  const submission = {
    jobId,
    isWaiting: true,
    parallelism: 2,
    streamGraph: deployment.streamGraph,
    artifact: deployment.artifact,
    submission: deployment.submission,
  };
  expect(decodeSubmitJobChunk(encodeSubmitJobChunk({ kind: 'header', submission }))).toEqual({
    kind: 'header',
    submission,
  });
  const restored = {
    ...submission,
    restoreFrom: '/checkpoints/x',
    restoreCheckpointId: 41,
    isNonRestoredStateAllowed: true as const,
  };
  expect(decodeSubmitJobChunk(encodeSubmitJobChunk({ kind: 'header', submission: restored }))).toEqual({
    kind: 'header',
    submission: restored,
  });
  const sha256 = 'a'.repeat(64);
  const file = decodeSubmitJobChunk(
    encodeSubmitJobChunk({ kind: 'file', sha256, offset: 5, content: Uint8Array.of(1, 2) }),
  );
  expect(file).toMatchObject({ kind: 'file', sha256, offset: 5 });
  expect(() =>
    decodeSubmitJobChunk(
      encodeSubmitJobChunk({ kind: 'file', sha256: '../etc/passwd', offset: 0, content: new Uint8Array() }),
    ),
  ).toThrow(expect.objectContaining({ code: 'MR_PROTOCOL' }));
});

test('processes and job events survive encoding', () => {
  const processes = [
    { kind: 'jobmanager', id: 'jobmanager', pid: 1, address: 'x:1' },
    { kind: 'taskmanager', id: 't', pid: 2, address: '', slots: 2, freeSlots: 0, rssBytes: 2 ** 33 },
  ] as const;
  expect(decodeProcessList(encodeProcessList(processes))).toEqual(processes);
  const status = {
    jobId,
    name: 'j',
    state: 'RUNNING',
    startTimeMs: 1,
    parallelism: 2,
    restartCount: 0,
    attemptNumber: 1,
    checkpoints: { completedCount: 0, failedCount: 0 },
    vertices: [],
    recordsRead: 0,
    watermarkMs: null,
    stateBytes: 0,
  } as const;
  const event: JobEvent = { kind: 'status', status };
  expect(decodeJobEvent(encodeJobEvent(event))).toEqual(event);
});

test('an error for a client has its causes and no stack, and one of an unknown code becomes MR_INTERNAL', () => {
  const read = decodeClientError(
    encodeClientError(new MillraceError('MR_JOB_NOT_FOUND', 'Cannot find it', { cause: new Error('x') })),
  );
  expect(read).toMatchObject({
    code: 'MR_JOB_NOT_FOUND',
    message: 'Cannot find it',
    cause: { message: 'Error: x' },
  });
  expect(JSON.stringify(read)).not.toContain('stack');
  const strange = new TextEncoder().encode('{"code":"MR_FROM_THE_FUTURE","message":"m"}');
  expect(decodeClientError(strange)).toMatchObject({
    code: 'MR_INTERNAL',
    details: { code: 'MR_FROM_THE_FUTURE' },
  });
});

/** Code of what it throws; nothing thrown counts as refused properly. */
function refusal(decode: () => unknown): unknown {
  try {
    decode();
    return 'MR_PROTOCOL';
  } catch (thrown) {
    return (thrown as { code?: unknown }).code;
  }
}

test('any bytes give a message or MR_PROTOCOL, never another error', () => {
  const whole = fromTaskManager.map(encodeTaskManagerMessage);
  fc.assert(
    fc.property(
      fc.nat({ max: whole.length - 1 }),
      fc.array(fc.tuple(fc.nat({ max: 400 }), fc.nat({ max: 255 })), { maxLength: 4 }),
      fc.nat({ max: 400 }),
      (index, flips, cut) => {
        const bytes = Uint8Array.from(whole[index] ?? []).slice(0, 1 + cut);
        for (const [at, value] of flips) if (at < bytes.length) bytes[at] = value;
        for (const decode of [
          decodeTaskManagerMessage,
          decodeTaskExecutorMessage,
          decodeSubmitJobChunk,
          decodeJobEvent,
        ]) {
          expect(refusal(() => decode(bytes))).toBe('MR_PROTOCOL');
        }
      },
    ),
  );
});

test('services have their paths and hand raw frames on as they are', () => {
  expect(DISPATCHER_SERVICE.submitJob).toMatchObject({
    path: '/millrace.v1.Dispatcher/SubmitJob',
    requestStream: true,
    responseStream: false,
  });
  const frame = Buffer.from([1, 2, 3]);
  expect(DATA_EXCHANGE_SERVICE.exchange.responseDeserialize(frame)).toBe(frame);
});

test('the request for a savepoint, its events, and the mapping of a restore survive encoding', () => {
  for (const request of [
    { jobId, mode: 'drain' as const, directory: '/savepoints' },
    { jobId, mode: 'continue' as const },
  ])
    expect(decodeSavepointRequest(encodeSavepointRequest(request))).toEqual(request);
  expect(() =>
    decodeSavepointRequest(encodeSavepointRequest({ jobId, mode: 'stop', directory: 'relative' })),
  ).toThrow(expect.objectContaining({ code: 'MR_PROTOCOL' }));
  const savepoint = { path: '/s', checkpointId: 7, totalBytes: 9, timestampMs: 1, mode: 'stop' as const };
  for (const event of [
    { kind: 'checkpoint' as const, checkpointId: 7, acknowledged: 1, subtasks: 4 },
    { kind: 'copying' as const, bytes: 1, totalBytes: 9 },
    { kind: 'committing' as const },
    { kind: 'done' as const, savepoint },
  ])
    expect(decodeSavepointEvent(encodeSavepointEvent(event))).toEqual(event);
  const restore = {
    path: '/s',
    jobName: 'j',
    checkpointId: 7,
    isSavepoint: true,
    isDrained: false,
    operators: [{ uid: 'a', oldName: 'b', name: 'c', from: 1, to: 2, state: ['splits'], bytes: 0 }],
  };
  for (const result of [{ jobId }, { jobId, restore }])
    expect(decodeSubmitJobResponse(encodeSubmitJobResponse(result))).toEqual(result);
});
