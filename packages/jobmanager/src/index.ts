// What the other packages may use of jobmanager.
export { compileJobGraph } from './compiler/compile-job-graph.ts';
export { explain, type ExplainFormat, type ExplainOptions } from './explain/explain.ts';
export {
  ExecutionGraph,
  type AttemptDescription,
  type Execution,
  type RestorePlan,
} from './execution-graph/execution-graph.ts';
export { JobManagerCore, type JobManagerCoreOptions, type StoredJob } from './core/job-manager-core.ts';
export type { Command, ConnectionId, CoreEvent, Outcome, StoreOperation, Token } from './core/effects.ts';
export {
  JobManager,
  type JobManagerOptions,
  type JobWatch,
  type TaskManagerConnection,
  type TaskManagerLink,
} from './job-manager.ts';
export { MemoryJobStore, type JobStore } from './job-store.ts';
export { connectDispatcher, DispatcherClient, type ConnectOptions } from './adapter/dispatcher-client.ts';
export { disposeSavepoint } from './adapter/dispose-savepoint.ts';
export {
  openSavepoint,
  readStateFile,
  stateFilePath,
  type OpenedSavepoint,
} from './adapter/savepoint-files.ts';
export { startJobManager, type RunningJobManager, type StartJobManagerOptions } from './start-job-manager.ts';
