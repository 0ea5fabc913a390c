import { expect, test } from 'vitest';
import { MemoryGuard } from './memory-guard.ts';

const looks = (guard: MemoryGuard, bytes: readonly number[]) => bytes.map((each) => guard.look(each));

test('MemoryGuard says once that the limit was passed three times in a row', () => {
  expect(looks(new MemoryGuard(100), [101, 101, 100, 101, 101, 101, 101, 99, 101, 101, 101])).toEqual([
    ...Array.from({ length: 5 }, () => undefined),
    'over',
    ...Array.from({ length: 5 }, () => undefined),
  ]);
});

test('MemoryGuard does not wait where it is far over the limit, and says so once', () => {
  expect(looks(new MemoryGuard(100), [125, 126, 126, 126])).toEqual([
    undefined,
    'far-over',
    undefined,
    'over',
  ]);
});

test('MemoryGuard without a limit says nothing', () => {
  expect(looks(new MemoryGuard(undefined), [1e15, 1e15, 1e15, 1e15])).toEqual(
    Array.from({ length: 4 }, () => undefined),
  );
});
