// The world of a run in which nothing is special: what is kept of a run that was cut down is how its world differs from this.
import type { SimWorld } from '@millrace/testing';

/** Never changed: runs that are kept mean it. */
export const calmWorld: SimWorld = {
  parallelism: 2,
  isAutoParallel: false,
  keyGroupCount: 128,
  checkpointIntervalMs: 1_000,
  checkpointTimeoutMs: 5_000,
  checkpointFailuresTolerated: 10,
  checkpointsRetainedMax: 3,
  checkpointMode: 'exactly-once',
  isStateKeptOnCancel: false,
  bufferTimeoutMs: 10,
  stateCacheEntriesMax: 100_000,
  wholeSnapshotEntriesMax: 100_000,
  spillLogBytesMax: 1_000_000,
  isChainingEnabled: true,
  inputMs: 100,
  heartbeatIntervalMs: 300,
  heartbeatTimeoutMs: 1_500,
  networkMsMax: 0.3,
  diskMsMax: 0.5,
  isControlEncoded: false,
  isFreezingRecords: false,
  clockSkew: 0,
  areWritesTorn: false,
  knobs: {},
};

/** What is special about `world`. */
export function differencesOf(world: SimWorld): Partial<SimWorld> {
  return Object.fromEntries(
    Object.entries(world).filter(
      ([name, value]) => JSON.stringify(value) !== JSON.stringify(calmWorld[name as keyof SimWorld]),
    ),
  );
}
