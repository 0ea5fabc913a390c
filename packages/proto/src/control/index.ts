// The control plane: what the other packages use of it.
export {
  decodeClientError,
  encodeClientError,
  ERROR_METADATA_KEY,
  type SubmitJobChunk,
  type SubmitJobResult,
} from './dispatcher-codec.ts';
export type { CheckpointEntry, CheckpointReport, CheckpointSettings } from './checkpoint-report.ts';
export type { ProcessStatus } from './process-status.ts';
export {
  AUTHORIZATION_METADATA_KEY,
  DATA_EXCHANGE_SERVICE,
  DISPATCHER_SERVICE,
  RESOURCE_MANAGER_SERVICE,
  type MethodDefinition,
} from './services.ts';
export { OUTPUT_LINES_MAX, OUTPUT_LINES_OF_ATTEMPT } from './output-codec.ts';
export { decodeTaskExecutorMessage, encodeTaskExecutorMessage } from './task-executor-codec.ts';
export { decodeTaskManagerMessage, encodeTaskManagerMessage } from './task-manager-codec.ts';
export {
  ARTIFACT_CHUNK_BYTES,
  CONTROL_MESSAGE_BYTES_MAX,
  SNAPSHOT_INLINE_BYTES_MAX,
  TASK_MANAGER_SLOTS_MAX,
} from './wire.ts';
