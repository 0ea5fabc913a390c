import {
  asJobId,
  asJobVertexId,
  asTaskManagerId,
  executionAttemptId,
  MillraceError,
  toWireError,
} from '@millrace/common';
import {
  CONTROL_MESSAGE_BYTES_MAX,
  RESOURCE_MANAGER_SERVICE,
  type OutputLine,
  type TaskManagerMessage,
} from '@millrace/proto';
import { expect, test } from 'vitest';
import {
  METRICS_WAITING_BYTES_MAX,
  OUTPUT_WAITING_BYTES_MAX,
  OutgoingMessages,
  WAITING_BYTES_MAX,
} from './outgoing-messages.ts';

const HEADER = {
  taskManagerId: asTaskManagerId('tm'),
  instanceId: 'i',
  leaderEpoch: 1,
  jobId: asJobId('0123456789abcdef0123456789abcdef'),
  attemptNumber: 1,
  slotIndex: 0,
};
const ATTEMPT = executionAttemptId(asJobVertexId('0123456789abcdef0123456789abcdef'), 0, 1);
const { requestSerialize, requestDeserialize } = RESOURCE_MANAGER_SERVICE.connect;
const metrics: TaskManagerMessage = { ...HEADER, kind: 'metrics', subtasks: [] };

function line(sequence: number, text: string): OutputLine {
  return { nodeId: 3, subtaskIndex: 0, sequence, form: 'text', text };
}

/** A connection that takes nothing until `drain`. */
function connection() {
  const sent: TaskManagerMessage[] = [];
  const waiting: (() => void)[] = [];
  let givenUp = 0;
  const outgoing = new OutgoingMessages({
    encode: requestSerialize,
    write: (bytes, onSent) => {
      sent.push(requestDeserialize(Buffer.from(bytes)));
      waiting.push(onSent);
    },
    giveUp: () => givenUp++,
  });
  const drain = (): void => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) next();
  };
  return { outgoing, sent, drain, givenUp: () => givenUp };
}

test('OutgoingMessages leaves out lines, never the metrics behind them, and says how many when the connection takes some again', () => {
  const { outgoing, sent, drain } = connection();
  const text = 'x'.repeat(1024 * 1024);
  let sequence = 0;
  const print = (): void => outgoing.send({ ...HEADER, kind: 'output', lines: [line(sequence++, text)] });
  while (outgoing.waitingBytes <= OUTPUT_WAITING_BYTES_MAX) print();
  const full = sent.length;
  for (let count = 0; count < 100; count++) print();
  expect(sent.length).toBe(full);
  // The last ones of a job say what it has read: nothing would come after them.
  outgoing.send(metrics);
  expect(sent.length).toBe(full + 1);
  drain();
  expect(sent.length).toBe(full + 2);
  expect(sent.at(-1)).toMatchObject({
    kind: 'output',
    lines: [
      {
        nodeId: 3,
        sequence: sequence - 1,
        text: '… 100 printed lines left out: the JobManager did not take them in time',
      },
    ],
  });
  expect(outgoing.waitingBytes).toBe(0);
});

test('OutgoingMessages leaves out metrics when even messages that must come wait', () => {
  const { outgoing, sent, drain } = connection();
  const error = toWireError(new MillraceError('MR_INTERNAL', 'x'.repeat(8 * 1024 * 1024)));
  while (outgoing.waitingBytes <= METRICS_WAITING_BYTES_MAX)
    outgoing.send({ ...HEADER, kind: 'slot-failed', error });
  const full = sent.length;
  outgoing.send(metrics);
  expect(sent.length).toBe(full);
  drain();
  outgoing.send(metrics);
  expect(sent.at(-1)?.kind).toBe('metrics');
});

test('OutgoingMessages turns a snapshot that is too large for a message into a declined checkpoint', () => {
  const { outgoing, sent } = connection();
  const inline = ['x'.repeat(CONTROL_MESSAGE_BYTES_MAX)];
  outgoing.send({
    ...HEADER,
    kind: 'checkpoint-acknowledged',
    executionAttemptId: ATTEMPT,
    checkpointId: 7,
    snapshot: {
      subtaskIndex: 0,
      parallelism: 1,
      watermarkMs: 0,
      operators: [{ nodeId: 0, uid: 'orders', keyedFiles: [], inline }],
      newBytes: 0,
      totalBytes: 0,
    },
    alignmentMs: 0,
    syncMs: 0,
    asyncMs: 0,
  });
  expect(sent).toMatchObject([
    {
      kind: 'checkpoint-declined',
      executionAttemptId: ATTEMPT,
      checkpointId: 7,
      error: { code: 'MR_UNSUPPORTED_VALUE', retry: 'never' },
    },
  ]);
  expect(JSON.stringify(sent)).toContain('Cannot send the snapshot of \\"orders\\": it takes 335');
});

test('OutgoingMessages gives a connection up that takes nothing of what must not be missed', () => {
  const { outgoing, givenUp } = connection();
  const stack = 'x'.repeat(30 * 1024 * 1024);
  const error = {
    code: 'MR_IO',
    message: 'm',
    fault: 'external',
    retry: 'backoff',
    details: {},
    stack,
  } as const;
  for (let count = 0; count < Math.floor(WAITING_BYTES_MAX / stack.length); count++)
    outgoing.send({ ...HEADER, kind: 'slot-failed', error });
  expect(givenUp()).toBe(0);
  outgoing.send({ ...HEADER, kind: 'slot-failed', error });
  expect(givenUp()).toBe(1);
});
