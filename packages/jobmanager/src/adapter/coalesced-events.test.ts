import type { JobEvent, JobStatus } from '@millrace/proto';
import { expect, test } from 'vitest';
import { CoalescedEvents, LINES_WAITING_MAX } from './coalesced-events.ts';

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
  expect(written()).toEqual([1, 'line 0', 'line 1', 3]);
});

test('a client that never reads costs a bounded amount of memory, and gets the end when it does', () => {
  const { coalesced, events, written } = client(1);
  coalesced.offer(status(0));
  for (let index = 1; index <= 5_000; index++) {
    coalesced.offer(line(index));
    coalesced.offer(status(index));
  }
  expect(events).toHaveLength(1);
  coalesced.flush();
  expect(events).toHaveLength(3);
  expect(written()).toHaveLength(2 + LINES_WAITING_MAX);
  expect(written().slice(-2)).toEqual(['line 5000', 5_000]);
});
