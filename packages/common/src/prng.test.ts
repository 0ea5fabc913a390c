import { expect, test } from 'vitest';
import { Prng } from './prng.ts';

test('equal seeds give equal sequences, other seeds others', () => {
  const draw = (seed: number): number[] => {
    const prng = new Prng(seed);
    return Array.from({ length: 5 }, () => prng.nextUint32());
  };
  expect(draw(1)).toEqual(draw(1));
  expect(draw(1)).not.toEqual(draw(2));
});

test('draws are spread over their range', () => {
  const prng = new Prng(42);
  const counts = new Int32Array(10);
  for (let index = 0; index < 10_000; index++) {
    const at = prng.below(10);
    counts[at] = (counts[at] ?? 0) + 1;
  }
  expect(Math.min(...counts)).toBeGreaterThan(850);
  expect(new Prng(1).nextId(16)).toMatch(/^[0-9a-f]{32}$/);
});
