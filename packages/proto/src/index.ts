// What the other packages may use of proto.
export type * from './graph/json.ts';
export type * from './graph/stream-graph.ts';
export type * from './graph/job-graph.ts';
export type * from './graph/deployment.ts';
export type * from './snapshot/subtask-snapshot.ts';
export * from './snapshot/checkpoint-metadata.ts';
export { renameFiles, stateFilesOf } from './snapshot/state-files.ts';
export {
  CHECKPOINT_METADATA_BYTES_MAX,
  decodeCheckpointMetadataV1,
  decodeCheckpointPointerV1,
  encodeCheckpointMetadataV1,
  encodeCheckpointPointerV1,
} from './snapshot/checkpoint-metadata-v1.ts';
export type * from './control/messages.ts';
export type * from './control/restore-report.ts';
export * from './control/index.ts';
export * from './data/record-batch.ts';
export { ByteReader, ByteWriter } from './data/bytes.ts';
export { BatchRowWriter } from './data/batch-row-writer.ts';
export { PlainRowWriter, type RowBytes } from './data/plain-row-writer.ts';
export { decodeValueV1, encodeValueV1, readValueV1, writeValueV1 } from './data/value-codec-v1.ts';
export * from './snapshot/byte-sink.ts';
export * from './snapshot/key-codec-v1.ts';
export * from './snapshot/number-tuples-v1.ts';
export * from './snapshot/keyed-run-v1.ts';
export { recordAt, recordsOf } from './data/batch-shape.ts';
export { createBatchBuilder } from './data/batch-builder.ts';
export {
  FRAME_BYTES_MAX,
  decodeBatchV1,
  decodeUncheckedBatchV1,
  encodeBatchV1,
} from './data/batch-codec-v1.ts';
export {
  FRAME_HEADER_BYTES,
  decodeFrameV1,
  encodeBatchFrameV1,
  encodeFrameV1,
  type Frame,
  type FrameHeader,
} from './data/frame-v1.ts';
export {
  StreamElementKind,
  stopsInput,
  type AssignedSplitJson,
  type BarrierMode,
  type ControlElement,
  type SavepointMode,
  type StreamElement,
} from './data/stream-element.ts';
