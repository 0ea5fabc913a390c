// Versions of a key against a plain list of all that ever came.
import fc from 'fast-check';
import { hashKey } from '@millrace/common';
import { MemoryBlobStore } from '@millrace/testing';
import { expect, test } from 'vitest';
import { openTestBackend } from '../backend.testing.ts';
import { Versions } from './versions.ts';

const HASH = hashKey('k');

const runs = fc.record({
  restoredAt: fc.nat({ max: 40 }),
  steps: fc.array(
    fc.record({
      aheadMs: fc.integer({ min: -5, max: 30 }),
      isDeleted: fc.boolean(),
      watermarkByMs: fc.nat({ max: 4 }),
    }),
    { maxLength: 40 },
  ),
});

test('the version as of each time that may be asked for is the last one that came for it or before it', async () => {
  await fc.assert(
    fc.asyncProperty(runs, async ({ restoredAt, steps }) => {
      let backend = await openTestBackend();
      let versions = new Versions(backend);
      const came = new Map<number, string | undefined>();
      const hasDeletions = steps.some(({ isDeleted }) => isDeleted);
      let settledMs = 100;
      for (const [index, { aheadMs, isDeleted, watermarkByMs }] of steps.entries()) {
        if (index === restoredAt) {
          const blobStore = new MemoryBlobStore();
          const frozen = backend.freeze(1);
          const late = versions.upsert('k', HASH);
          versions.use(late, 1);
          versions.add(late, settledMs + 40, 'late', settledMs);
          const { files } = await frozen.write(blobStore, 'a-');
          backend = await openTestBackend({ files, blobStore });
          versions = new Versions(backend);
        }
        // A deletion that time has come to is forgotten: what comes late, from before it, would be a row again.
        const timeMs = settledMs + (hasDeletions ? Math.max(0, aheadMs) : aheadMs);
        const version = isDeleted ? undefined : `${index}`;
        versions.add(versions.upsert('k', HASH), timeMs, version, settledMs);
        came.set(timeMs, version);
        // What time comes to afterwards goes with a later version.
        const needed = [...came.keys()].filter((at) => at > settledMs).length + 1;
        expect(versions.countOf(versions.find('k', HASH))).toBeLessThanOrEqual(2 * needed + 2);
        settledMs += watermarkByMs;
        if (isDeleted) versions.settle(versions.find('k', HASH), settledMs);
        const row = versions.find('k', HASH);
        for (let asked = settledMs; asked < settledMs + 40; asked++) {
          const newest = Math.max(...[...came.keys()].filter((at) => at <= asked));
          expect(versions.versionAt(row, asked)).toBe(came.get(newest));
        }
      }
    }),
    { numRuns: 150 },
  );
});
