// Clusters in one process: on one thread, or with slots as threads.
export { executeJob, type ExecutionObserver } from './execute-job.ts';
export {
  EmbeddedCluster,
  startEmbeddedCluster,
  type EmbeddedClusterOptions,
} from './start-embedded-cluster.ts';
export { LocalCluster, type LocalClusterOptions, type LocalClusterPorts } from './local/local-cluster.ts';
