import type { JobEvent, JobStatus } from '@millrace/proto';
import { expect, test } from 'vitest';
import {
  CoalescedEvents,
  LINE_OVERHEAD_BYTES,
  LINES_MESSAGE_BYTES,
  LINES_WAITING_BYTES_MAX,
} from './coalesced-events.ts';

const status = (recordsRead: number): JobEvent => ({
  kind: 'status',
  status: { recordsRead } as JobStatus,
});
const line = (sequence: number): JobEvent => ({
  kind: 'output',
  lines: [{ nodeId: 1, subtaskIndex: 0, sequence, form: 'text', text: `${sequence}` }],
});

/** A client's stream that takes `room` events before it wants to be drained. */
function client(room: number) {
  const events: JobEvent[] = [];
  const written = (): readonly (number | string)[] =>
    events.flatMap<number | string>((event) =>
      event.kind === 'status' ? [event.status.recordsRead] : event.lines.map(({ text }) => `line ${text}`),
    );
  return { events, written, coalesced: new CoalescedEvents((event) => events.push(event) < room) };
}

test('a client that keeps up is told everything, in order', () => {
  const { coalesced, written } = client(Infinity);
  for (const event of [status(1), line(0), status(2), line(1)]) coalesced.offer(event);
  expect(written()).toEqual([1, 'line 0', 2, 'line 1']);
});

test('of what happens while a client does not read it is told the lines and the newest status', () => {
  const { coalesced, written } = client(1);
  for (const event of [status(1), status(2), line(0), status(3), line(1)]) coalesced.offer(event);
  expect(written()).toEqual([1]);
  coalesced.drained();
  expect(written()).toEqual([1, 'line 0', 'line 1']);
  coalesced.drained();
  expect(written()).toEqual([1, 'line 0', 'line 1', 3]);
});

test('a job that prints 200,000 lines while the client reads nothing loses none of them', () => {
  const { coalesced, events, written } = client(0);
  for (let index = 0; index < 200_000; index += 500) {
    const lines = Array.from({ length: 500 }, (_line, at) => line(index + at)).flatMap((event) =>
      event.kind === 'output' ? event.lines : [],
    );
    coalesced.offer({ kind: 'output', lines });
  }
  coalesced.offer(status(1));
  for (let drains = 0; events.at(-1)?.kind !== 'status' && drains < 1_000; drains++) coalesced.drained();
  expect(written()).toHaveLength(200_001);
  expect(written().slice(0, 2)).toEqual(['line 0', 'line 1']);
  expect(written().slice(-2)).toEqual(['line 199999', 1]);
  for (const event of events)
    if (event.kind === 'output') expect(bytesOf(event)).toBeLessThanOrEqual(LINES_MESSAGE_BYTES);
});

test('a client that never reads costs a bounded amount of memory, and gets the end when it does', () => {
  const { coalesced, events } = client(1);
  coalesced.offer(status(0));
  const text = 'x'.repeat(1_000_000);
  for (let sequence = 1; sequence <= 100; sequence++) {
    coalesced.offer({
      kind: 'output',
      lines: [{ nodeId: 1, subtaskIndex: 0, sequence, form: 'text', text }],
    });
    coalesced.offer(status(sequence));
  }
  expect(events).toHaveLength(1);
  coalesced.flush();
  const lines = events.flatMap((event) => (event.kind === 'output' ? event.lines : []));
  expect(lines).toHaveLength(Math.floor(LINES_WAITING_BYTES_MAX / (2 * text.length + LINE_OVERHEAD_BYTES)));
  expect(lines.at(-1)?.sequence).toBe(100);
  expect(events.at(-1)).toEqual(status(100));
});

function bytesOf(event: Extract<JobEvent, { kind: 'output' }>): number {
  return event.lines.reduce((bytes, { text }) => bytes + 2 * text.length + LINE_OVERHEAD_BYTES, 0);
}
