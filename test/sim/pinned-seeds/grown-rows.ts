// Rows that were small in a base and large in a later file were those of the base after a restore: node 3 had 8 names in the map of k3, not 14.
import type { PinnedCase } from '../pinned-file.ts';

export const pinned: PinnedCase = {
  job: {
    nodes: [
      {
        id: 0,
        kind: 'source',
        isBounded: true,
        splits: 2,
        recordsPerSplit: 20,
        keyCount: 5,
        chunkRecords: 1,
        stepMs: 10,
        disorderMs: 0,
        isRated: true,
      },
      { id: 2, kind: 'table', input: { node: 0 }, making: { how: 'topN', limit: 3, isRanked: false } },
      { id: 3, input: { node: 0 }, kind: 'keep', check: 'once' },
      { id: 7, kind: 'union', inputs: [{ node: 3 }, { node: 0 }] },
      { id: 8, kind: 'sink', input: { node: 7 }, form: 'ledger', isTimed: true },
      { id: 9, kind: 'sink', input: { node: 2 }, form: 'ledger', isTimed: false },
    ],
  },
  plan: {
    seed: 555,
    world: {
      parallelism: 1,
      checkpointIntervalMs: 60,
      checkpointFailuresTolerated: 0,
      wholeSnapshotEntriesMax: 10,
      inputMs: 2000,
    },
    faults: [],
    strikes: [{ kind: 'fail-blob-put', nth: 75 }],
    healMs: 4000,
  },
};
