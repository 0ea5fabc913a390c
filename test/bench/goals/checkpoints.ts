// Checkpoints of a gigabyte of state of which a fiftieth changes in between: how long the record path stands still, and the whole.
import { MillraceError } from '@millrace/common';
import type { CheckpointEntry } from '@millrace/proto';
import { startProcesses } from '../nexmark/bench-cluster.ts';
import { quantile } from '../quantile.ts';
import { runJob } from '../run-job.ts';

const PARALLELISM = 2;
const MEGABYTES = 1_000;
const BYTES_A_KEY = 1_000;
/** A fiftieth of the keys in the second from one checkpoint to the next. */
const CHANGES_PER_SECOND = (MEGABYTES * 1e6) / BYTES_A_KEY / 50;
/** Filling takes 50 s. */
const SECONDS_AFTER_FILL = 18;

export interface CheckpointRow {
  readonly part: 'checkpoint';
  /** Of the last checkpoint, with all that it refers to. */
  readonly stateBytes: number;
  readonly checkpoints: number;
  readonly newBytesP50: number;
  /** Of the slowest subtask of each. */
  readonly syncMsP50: number;
  readonly syncMsMax: number;
  readonly durationMsP50: number;
  readonly durationMsP99: number;
}

export async function measureCheckpoints(): Promise<CheckpointRow> {
  await using cluster = await startProcesses({ parallelism: PARALLELISM, taskManagers: PARALLELISM });
  const keys = (MEGABYTES * 1e6) / BYTES_A_KEY;
  let filledMs = 0;
  let history: readonly CheckpointEntry[] = [];
  let isAsked = false;
  await runJob(cluster, 'test/bench/recovery/jobs/recovery.ts', {
    parallelism: PARALLELISM,
    params: { megabytes: MEGABYTES, ratePerSecond: CHANGES_PER_SECOND },
    onStatus: (status, job, stop) => {
      const nowMs = performance.now();
      if (filledMs === 0 && status.recordsRead > keys) filledMs = nowMs;
      if (filledMs === 0 || isAsked || nowMs - filledMs < SECONDS_AFTER_FILL * 1e3) return;
      isAsked = true;
      void cluster.checkpoints(job).then((entries) => {
        history = entries;
        stop();
      }, stop);
    },
  });
  const taken = history.filter(({ state }) => state === 'completed').slice(-15);
  const last = taken.at(-1);
  if (last === undefined) throw new MillraceError('MR_INTERNAL', 'No checkpoint was completed');
  const of = (value: (entry: CheckpointEntry) => number, q: number): number =>
    quantile(taken.map(value), q) ?? Number.NaN;
  return {
    part: 'checkpoint',
    stateBytes: last.totalBytes ?? Number.NaN,
    checkpoints: taken.length,
    newBytesP50: of(({ newBytes }) => newBytes, 0.5),
    syncMsP50: of(({ syncMsMax }) => syncMsMax, 0.5),
    syncMsMax: of(({ syncMsMax }) => syncMsMax, 1),
    durationMsP50: of(({ durationMs = Number.NaN }) => durationMs, 0.5),
    durationMsP99: of(({ durationMs = Number.NaN }) => durationMs, 0.99),
  };
}
