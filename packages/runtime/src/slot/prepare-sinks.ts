// What a submission does once before its first deployment: each sink makes its target ready.
import type { StreamGraph } from '@millrace/api';
import type { SlotDeployment } from '@millrace/proto';
import type { SlotPorts } from './slot-ports.ts';

/** Calls `prepare` of each sink of the graph, one after the other. */
export async function prepareSinks(
  deployment: SlotDeployment,
  graph: StreamGraph,
  ports: SlotPorts,
): Promise<void> {
  const ofJob = deployment.options.parallelism;
  for (const { operator, parallelism } of graph.nodes) {
    if (operator.kind !== 'sink') continue;
    await operator.sink.prepare?.({
      files: ports.files,
      baseDirectory: deployment.submission.baseDirectory,
      jobName: deployment.jobName,
      subtaskIndex: 0,
      parallelism: parallelism ?? (typeof ofJob === 'number' ? ofJob : 1),
      runId: deployment.runId,
      isRestored: deployment.isRestored === true,
    });
  }
}
