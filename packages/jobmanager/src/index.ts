// What the other packages may use of jobmanager.
export { compileJobGraph } from './compiler/compile-job-graph.ts';
export { JobManagerCore, type JobManagerCoreOptions, type StoredJob } from './core/job-manager-core.ts';
