import { expect, test } from 'vitest';
import { medianPair } from './pairs.ts';

/** Gives the results one after the other. */
function inTurn<T>(results: readonly T[]): () => Promise<T> {
  let next = 0;
  return () => Promise.resolve(results[next++] as T);
}

test('the pair with the median ratio is told, with all ratios', async () => {
  const pairs = [1.2, 3, 0.9, 1.5, 1.1].map((ratio, number) => ({ ratio, number }));
  const ratios = pairs.map(({ ratio }) => ratio);
  expect(await medianPair(5, inTurn(pairs))).toEqual({ ratio: 1.2, number: 0, ratios });
  expect(await medianPair(2, inTurn(pairs))).toEqual({ ratio: 1.2, number: 0, ratios: [1.2, 3] });
  expect(await medianPair(1, inTurn(pairs))).toEqual({ ratio: 1.2, number: 0 });
});

test('a pair of which one failed is left out', async () => {
  expect(await medianPair(3, inTurn([{}, { ratio: 2 }, { ratio: 1 }]))).toEqual({ ratio: 1, ratios: [2, 1] });
  expect(await medianPair(2, inTurn([{}, { ratio: 2 }]))).toEqual({ ratio: 2 });
  const alone: readonly { seconds: number; ratio?: number }[] = [{ seconds: 4 }, { seconds: 5 }];
  expect(await medianPair(2, inTurn(alone))).toEqual({ seconds: 4 });
});
