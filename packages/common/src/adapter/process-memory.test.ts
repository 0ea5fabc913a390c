import { totalmem } from 'node:os';
import { expect, test } from 'vitest';
import { memoryBytesOfProcess } from './process-memory.ts';

test('memoryBytesOfProcess is no more than the machine has', () => {
  expect(memoryBytesOfProcess()).toBeGreaterThan(0);
  expect(memoryBytesOfProcess()).toBeLessThanOrEqual(totalmem());
});
