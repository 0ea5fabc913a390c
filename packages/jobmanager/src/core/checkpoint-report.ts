// What people are told of a job's checkpoints, put together.
import type { CheckpointReport } from '@millrace/proto';
import type { CheckpointCoordinator } from './checkpoint-coordinator.ts';
import type { JobMasterOptions } from './job-master-options.ts';

/** What people are shown of a job's checkpoints. */
export function checkpointReportOf(
  of: JobMasterOptions,
  coordinator: CheckpointCoordinator,
): CheckpointReport {
  const { record, pointer } = of;
  const { jobGraph } = of.plan;
  const { options } = jobGraph.streamGraph;
  const { completedCount, failedCount } = coordinator.progress;
  // Of a job that had ended, or whose newest checkpoint cannot be read, the pointer is all there is.
  const retained = coordinator.retained.length > 0 ? coordinator.retained : (pointer?.retained ?? []);
  return {
    jobId: record.submission.jobId,
    jobName: jobGraph.name,
    settings: {
      ...(options.checkpointIntervalMs === undefined
        ? {}
        : { checkpointIntervalMs: options.checkpointIntervalMs }),
      checkpointTimeoutMs: options.checkpointTimeoutMs,
      checkpointMinPauseMs: options.checkpointMinPauseMs,
      checkpointsRetainedMax: options.checkpointsRetainedMax,
      checkpointFailuresTolerated: options.checkpointFailuresTolerated,
      checkpointMode: options.checkpointMode,
      isStateKeptOnCancel: options.isStateKeptOnCancel,
    },
    directory: of.checkpointDirectory,
    completedCount,
    failedCount,
    retained: (coordinator.isCleared ? [] : retained).map(({ epoch, checkpointId }) => ({
      epoch,
      checkpointId,
    })),
    history: coordinator.history,
  };
}
