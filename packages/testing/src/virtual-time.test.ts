import { expect, test } from 'vitest';
import { VirtualTime } from './virtual-time.ts';

test('VirtualTime fires timers by time, and those of one instant in the order of scheduling', async () => {
  const time = new VirtualTime({ startMs: 1000 });
  const fired: string[] = [];
  time.schedule(20, () => fired.push(`c at ${time.nowMs()}`));
  time.schedule(10, () => fired.push(`a at ${time.nowMs()}`));
  time.schedule(10, () => fired.push(`b at ${time.nowMs()}`));
  time.schedule(15, () => fired.push('cancelled')).cancel();
  await time.runUntilIdle();
  expect(fired).toEqual(['a at 1010', 'b at 1010', 'c at 1020']);
});

test('VirtualTime orders timers of one instant by its seed, equally each time', async () => {
  const run = async (seed: number): Promise<string> => {
    const time = new VirtualTime({ seed });
    let order = '';
    for (const name of 'abcdefgh') time.schedule(1, () => (order += name));
    await time.runUntilIdle();
    return order;
  };
  expect(await run(1)).toBe(await run(1));
  expect(await run(1)).not.toBe(await run(2));
});

test('VirtualTime stands still between timers and lets promises settle', async () => {
  const time = new VirtualTime();
  const seen: number[] = [];
  time.schedule(5, () => void Promise.resolve().then(() => seen.push(time.monotonicMs())));
  time.schedule(3_600_000, () => seen.push(time.monotonicMs()));
  await time.runFor(60_000);
  expect(seen).toEqual([5]);
  expect(time.monotonicMs()).toBe(60_000);
  expect(time.nextMs()).toBe(3_600_000);
});

test('VirtualTime gives up on timers that never end', async () => {
  const time = new VirtualTime();
  const again = (): void => void time.schedule(1, again);
  again();
  await expect(time.runUntilIdle({ stepsMax: 100 })).rejects.toMatchObject({ code: 'MR_TIMEOUT' });
});
