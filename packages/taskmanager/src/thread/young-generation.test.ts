import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { afterEach, expect, test } from 'vitest';
import { startYoungGenerationsAt } from './young-generation.ts';

const MIB = 1024 * 1024;
/** Keeps enough alive that V8 grows the young generation as far as it may, and says how far that was. */
const CODE = `
  const { getHeapSpaceStatistics } = require('node:v8');
  const kept = new Array(20_000);
  for (let index = 0; index < 1_000_000; index++) kept[index % kept.length] = { index, list: [index] };
  const space = getHeapSpaceStatistics().find((space) => space.space_name === 'new_space');
  require('node:worker_threads').parentPort.postMessage(space.space_size);
`;

/** Bytes of both semi-spaces of a thread that has made many objects. */
function youngBytesOfThread(): Promise<number> {
  const worker = new Worker(CODE, { eval: true, resourceLimits: { maxYoungGenerationSizeMb: 24 } });
  return new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
}

afterEach(() => {
  setFlagsFromString('--max-semi-space-size=0');
  setFlagsFromString('--min-semi-space-size=0');
});

test('an option that caps the main thread does not cap the slots behind it', async () => {
  setFlagsFromString('--max-semi-space-size=1');
  expect(await youngBytesOfThread()).toBeLessThanOrEqual(2 * MIB);
  startYoungGenerationsAt(24);
  expect(await youngBytesOfThread()).toBeGreaterThan(8 * MIB);
});
