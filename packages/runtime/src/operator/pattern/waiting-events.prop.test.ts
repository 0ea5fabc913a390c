import fc from 'fast-check';
import { expect, test } from 'vitest';
import { WaitingEvents } from './waiting-events.ts';

interface Event {
  readonly timeMs: number;
  readonly rank: number;
  readonly arrival: number;
}

const step = fc.oneof(
  { weight: 9, arbitrary: fc.record({ timeMs: fc.nat(40), rank: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ untilMs: fc.nat(40) }) },
);

test.each([false, true])(
  'WaitingEvents gives events by time, order and arrival; compared: %s',
  (isCompared) => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 300 }),
        fc.nat(3_000),
        fc.constantFrom(1, 0.5, 700),
        (steps, drift, scale) => {
          const compare = isCompared
            ? (a: unknown, b: unknown) => (a as Event).rank - (b as Event).rank
            : undefined;
          const waiting = new WaitingEvents(compare);
          let model: Event[] = [];
          const before = (a: Event, b: Event): number =>
            a.timeMs - b.timeMs || (isCompared ? a.rank - b.rank : 0) || a.arrival - b.arrival;
          const takeUntil = (untilMs: number): void => {
            const due = model.filter(({ timeMs }) => timeMs <= untilMs).sort(before);
            model = model.filter(({ timeMs }) => timeMs > untilMs);
            for (const event of due) {
              expect(waiting.earliestMs).toBe(event.timeMs);
              expect(waiting.poll(untilMs)).toBe(true);
              expect(waiting.event).toBe(event);
              expect([waiting.key, waiting.hash, waiting.timestampMs]).toEqual([
                `key ${event.arrival}`,
                event.arrival,
                event.timeMs,
              ]);
            }
            expect(waiting.poll(untilMs)).toBe(false);
          };
          for (const [arrival, each] of steps.entries()) {
            // Time goes on, so that the ring comes around.
            const now = Math.floor((arrival * drift) / 100) - 1_000;
            if ('untilMs' in each) takeUntil(now + each.untilMs * scale);
            else {
              const event = { timeMs: now + each.timeMs * scale, rank: each.rank, arrival };
              model.push(event);
              waiting.add(event, event.timeMs, { key: `key ${arrival}`, hash: arrival });
            }
          }
          const seen: unknown[] = [];
          waiting.each((event) => seen.push(event));
          expect(new Set(seen)).toEqual(new Set(model));
          takeUntil(Infinity);
          expect(waiting.earliestMs).toBe(Infinity);
        },
      ),
    );
  },
);

test('WaitingEvents grows, and is full when its ring comes around to the oldest event', () => {
  const waiting = new WaitingEvents(undefined);
  waiting.add('last', 1e9, { key: 0, hash: 0 });
  let count = 0;
  for (; !waiting.isFull; count++) {
    waiting.add(count, (count * 7919) % 10_007, { key: count, hash: count });
    if (count % 3 === 2) waiting.poll(1e6);
  }
  const times: number[] = [];
  while (waiting.poll(1e6)) times.push(waiting.timestampMs);
  expect(times.length).toBe(count - Math.floor(count / 3));
  expect(times.findIndex((time, index) => time < (times[index - 1] ?? -1))).toBe(-1);
  expect(waiting.isFull).toBe(true);
  expect(waiting.poll(Infinity)).toBe(true);
  expect([waiting.event, waiting.isFull]).toEqual(['last', false]);
});
