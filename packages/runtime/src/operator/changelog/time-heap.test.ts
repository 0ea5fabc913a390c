import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TimeHeap } from './time-heap.ts';

test('TimeHeap gives what is due in the order of time, and nothing else', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.integer({ min: 0, max: 50 }), fc.constant('poll' as const)), { maxLength: 300 }),
      (steps) => {
        const heap = new TimeHeap();
        let model: number[] = [];
        let nowMs = 0;
        for (const step of steps) {
          if (step !== 'poll') {
            heap.push(step, `k${step}`, step * 3);
            model.push(step);
            continue;
          }
          nowMs += 7;
          const due = model.filter((time) => time <= nowMs).sort((a, b) => a - b);
          model = model.filter((time) => time > nowMs);
          for (const time of due) {
            expect(heap.poll(nowMs)).toBe(true);
            expect([heap.key, heap.hash]).toEqual([`k${time}`, time * 3]);
          }
          expect(heap.poll(nowMs)).toBe(false);
        }
      },
    ),
  );
});
