import fc from 'fast-check';
import { expect, test } from 'vitest';
import { InFlightEntry, EntryState } from './in-flight-entry.ts';
import { InFlightQueue } from './in-flight-queue.ts';

type Order = 'ordered' | 'unordered' | 'perKey';
type Step =
  | { readonly kind: 'record'; readonly key: number }
  | { readonly kind: 'watermark' }
  /** The entry that is to be completed, among those in flight. */
  | { readonly kind: 'answer'; readonly pick: number }
  | { readonly kind: 'poll' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('record' as const), key: fc.integer({ min: 0, max: 3 }) }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'watermark' } as const) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('answer' as const), pick: fc.nat() }) },
  { weight: 3, arbitrary: fc.constant({ kind: 'poll' } as const) },
);

/** What came in and went out, in order: numbers of records, and watermarks as text. */
interface Trace {
  readonly input: (number | string)[];
  readonly output: (number | string)[];
  readonly keyOf: Map<number, number>;
}

function run(order: Order, steps: readonly Step[]): Trace {
  const queue = new InFlightQueue(order, -Infinity);
  const trace: Trace = { input: [], output: [], keyOf: new Map() };
  const open: InFlightEntry[] = [];
  let watermark = 0;
  const poll = (): boolean => {
    const { hasReady } = queue;
    const before = queue.releasedMs;
    const entry = queue.poll();
    if (queue.releasedMs > before) trace.output.push(`w${queue.releasedMs}`);
    if (entry !== undefined) trace.output.push(entry.record as number);
    expect(hasReady).toBe(entry !== undefined || queue.releasedMs > before);
    return hasReady;
  };
  const answer = (pick: number): void => {
    if (open.length === 0) return;
    const [entry] = open.splice(pick % open.length, 1);
    if (entry !== undefined) queue.complete(entry, EntryState.Done, entry.record);
  };
  for (const each of steps) {
    switch (each.kind) {
      case 'record': {
        const number = trace.keyOf.size;
        const entry = new InFlightEntry(number, 0, each.key, each.key);
        trace.keyOf.set(number, each.key);
        trace.input.push(number);
        queue.add(entry);
        open.push(entry);
        break;
      }
      case 'watermark': {
        const before = queue.releasedMs;
        queue.addWatermark(++watermark);
        trace.input.push(`w${watermark}`);
        if (queue.releasedMs > before) trace.output.push(`w${watermark}`);
        break;
      }
      case 'answer':
        answer(each.pick);
        break;
      case 'poll':
        poll();
    }
  }
  while (open.length > 0) answer(open.length - 1);
  while (poll());
  expect(queue.count).toBe(0);
  expect(queue.first).toBeUndefined();
  return trace;
}

/** The greatest watermark before each record. */
function watermarksBefore(elements: readonly (number | string)[]): Map<number, number> {
  const before = new Map<number, number>();
  let newest = 0;
  for (const element of elements) {
    if (typeof element === 'string') newest = Number(element.slice(1));
    else before.set(element, newest);
  }
  return before;
}

test.each(['ordered', 'unordered', 'perKey'] as const)(
  'InFlightQueue gives every result once, and none overtakes a watermark or is overtaken by one: %s',
  (order) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { input, output, keyOf } = run(order, steps);
        const records = output.filter((element) => typeof element === 'number');
        expect(records.toSorted((a, b) => a - b)).toEqual([...keyOf.keys()]);
        const came = watermarksBefore(input);
        const left = watermarksBefore(output);
        const last = input.filter((element) => typeof element === 'string').at(-1);
        if (last !== undefined)
          expect(output.filter((element) => typeof element === 'string').at(-1)).toBe(last);
        const released = new Set(output.filter((element) => typeof element === 'string'));
        for (const [record, before] of came) {
          // A watermark that another one replaced never left; the one that stands for it did, at the same place.
          const seen = left.get(record) ?? NaN;
          expect(seen).toBeLessThanOrEqual(before);
          for (let w = seen + 1; w <= before; w++) expect(released.has(`w${w}`)).toBe(false);
        }
        if (order === 'ordered') expect(records).toEqual([...keyOf.keys()]);
        if (order === 'perKey')
          for (const key of [0, 1, 2, 3]) {
            const own = records.filter((record) => keyOf.get(record) === key);
            expect(own).toEqual(own.toSorted((a, b) => a - b));
          }
      }),
    );
  },
);

test('InFlightQueue lets a result of another key go first, and one that stands before a watermark hold it back', () => {
  const queue = new InFlightQueue('perKey', -Infinity);
  const [slow, same, other] = [1, 1, 2].map((key, index) => new InFlightEntry(index, 0, key, key)) as [
    InFlightEntry,
    InFlightEntry,
    InFlightEntry,
  ];
  for (const entry of [slow, same, other]) queue.add(entry);
  queue.addWatermark(5);
  queue.complete(same, EntryState.Done, 'same');
  queue.complete(other, EntryState.Done, 'other');
  expect(queue.poll()).toBe(other);
  expect(queue.poll()).toBeUndefined();
  expect(queue.releasedMs).toBe(-Infinity);
  queue.complete(slow, EntryState.Failed, 'failed');
  expect([queue.poll(), queue.poll()]).toEqual([slow, same]);
  expect(queue.hasReady).toBe(true);
  expect(queue.poll()).toBeUndefined();
  expect(queue.releasedMs).toBe(5);
});
