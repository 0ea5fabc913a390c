// What scripts may use of the command: the verbs as functions.
export { main } from './main.ts';
export { ClusterDirectory } from './cluster/cluster-directory.ts';
export {
  clusterStatus,
  startCluster,
  stopCluster,
  type ClusterStartOptions,
  type ProcessStatus,
} from './cluster/cluster.ts';
export { checkpointsJson } from './command/checkpoints.ts';
export { jobJson } from './command/describe.ts';
export { prepareJob, type PreparedJob, type RunOptions } from './command/prepare-job.ts';
export { submitAndAttach } from './command/run.ts';
export { withDispatcher } from './command/context.ts';
export { describeError } from './terminal/show-error.ts';
export { exitCodeOf } from './exit-code.ts';
