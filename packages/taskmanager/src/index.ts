// The TaskManager: `startTaskManager` for a process; the rest for clusters within one process. No engine in here: that is
// for the slots' threads.
export { startTaskManager, type RunningTaskManager, type TaskManagerOptions } from './start-task-manager.ts';
export {
  TaskExecutor,
  type SlotHost,
  type SlotHostEvents,
  type TaskExecutorPorts,
} from './task-executor/task-executor.ts';
export {
  CANCEL_GRACE_MS,
  FINISH_GRACE_MS,
  TaskExecutorCore,
  type TaskExecutorOptions,
} from './task-executor/task-executor-core.ts';
export type * from './task-executor/task-executor-messages.ts';
export { ThreadSlotHost, type ThreadSlotHostOptions } from './thread/thread-slot-host.ts';
export { workerEntry } from './thread/worker-entry.ts';
export { startYoungGenerationsAt, YOUNG_GENERATION_MEGABYTES } from './thread/young-generation.ts';
export { ArtifactCache, type ArtifactSource } from './artifact/artifact-cache.ts';
export { pinoLogger, type LogLevelName } from './log/pino-logger.ts';
