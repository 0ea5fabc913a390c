// What the JobManager's store holds. Values are sealed: a checksum over each, because the store protects no value.
import { crc32 } from 'node:zlib';
import { MillraceError, type JobId, type WireError } from '@millrace/common';
import type {
  SavepointMode,
  CheckpointEntry,
  JobState,
  JobStatus,
  JobSubmission,
  OutputLine,
  SavepointReference,
} from '@millrace/proto';

/** What a submission fixes. */
export interface JobRecord {
  readonly submission: JobSubmission;
  /** New for each submission; file sinks name their files with it. */
  readonly runId: string;
  readonly startTimeMs: number;
}

/** The parallelism that was asked for after the submission. */
export interface JobScale {
  /** Of operators that set none. `auto`: as many as there are slots. Unset: as submitted. */
  readonly parallelism?: number | 'auto';
  /** Of single operators, by uid. */
  readonly operators: { readonly [uid: string]: number };
}

/** The job is to end behind this checkpoint, which is complete. */
export interface StopRecord {
  readonly mode: SavepointMode;
  readonly epoch: number;
  readonly checkpointId: number;
  /** Where its savepoint is or will be. */
  readonly path: string;
}

/** What changes while a job lives. Written before the thing that it allows is done. */
export interface JobProgressRecord {
  readonly state: JobState;
  /** The greatest attempt that may have been deployed. */
  readonly attemptNumber: number;
  /** The greatest checkpoint id that may have been used. */
  readonly checkpointIdsReserved: number;
  /** `prepare` of the sinks has succeeded; it is never called again. */
  readonly isPrepared: boolean;
  readonly restartCount: number;
  /** How parallel it is to be since somebody asked; absent: as submitted. */
  readonly scale?: JobScale;
  /** Changes of parallelism so far. */
  readonly rescaleCount?: number;
  /** Of a job that follows the slots: how many it had last. */
  readonly autoSlots?: number;
  /** Written with each pointer. */
  readonly checkpoints?: CheckpointsRecord;
  readonly endTimeMs?: number;
  readonly error?: WireError;
  /** Of an ended job: the last lines that it printed. */
  readonly output?: readonly OutputLine[];
  /** Of an ended job: its last figures. */
  readonly figures?: JobFigures;
  /** Once all input is read, and until more is: what was read. An attempt that only commits reports nothing. */
  readonly inputFigures?: InputFigures | undefined;
  /** Written with the pointer of its checkpoint: whoever leads finishes what is left of a stop with a savepoint. */
  readonly stop?: StopRecord | undefined;
  /** The last that was taken. */
  readonly savepoint?: SavepointReference;
}

/** How the checkpoints of a job went. */
export interface CheckpointsRecord {
  readonly completedCount: number;
  readonly failedCount: number;
  /** The newest, oldest first. */
  readonly history: readonly CheckpointEntry[];
}

/** What subtasks have reported, put together. */
export type InputFigures = Pick<
  JobStatus,
  'vertices' | 'recordsRead' | 'inputShare' | 'watermarkMs' | 'stateBytes'
>;

/** What a status shows beside the state. */
export type JobFigures = InputFigures & Pick<JobStatus, 'checkpoints'>;

/** Keys of the store. */
export const recordKeys = {
  epoch: 'epoch',
  jobPrefix: 'job/',
  job: (jobId: JobId) => `job/${jobId}`,
  progressPrefix: 'progress/',
  progress: (jobId: JobId) => `progress/${jobId}`,
  pointerPrefix: 'pointer/',
  pointer: (jobId: JobId) => `pointer/${jobId}`,
} as const;

/*
 * Record v1 =>  version checksum payload
 *   version  => UINT8   1
 *   checksum => UINT32  little endian, CRC-32 over the payload
 *   payload  => BYTES   UTF-8 JSON
 */
const HEADER_BYTES = 5;
const VERSION = 1;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

export function encodeRecord(value: unknown): Uint8Array {
  const payload = encoder.encode(JSON.stringify(value));
  const bytes = new Uint8Array(HEADER_BYTES + payload.byteLength);
  bytes[0] = VERSION;
  new DataView(bytes.buffer).setUint32(1, crc32(payload), true);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

/** @throws {MillraceError} MR_STORE_CORRUPT naming the key and what to do */
export function decodeRecord<T>(key: string, bytes: Uint8Array): T {
  const payload = bytes.subarray(HEADER_BYTES);
  const isWhole =
    bytes.byteLength >= HEADER_BYTES &&
    bytes[0] === VERSION &&
    new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(1, true) === crc32(payload);
  if (!isWhole) throw storeCorrupt(`the record "${key}" is damaged`);
  try {
    return JSON.parse(decoder.decode(payload)) as T;
  } catch (cause) {
    throw storeCorrupt(`the record "${key}" is damaged`, cause);
  }
}

/** The error of a store that cannot be trusted: nothing is started from it. */
export function storeCorrupt(why: string, cause?: unknown): MillraceError {
  return new MillraceError(
    'MR_STORE_CORRUPT',
    `Cannot open the JobManager's store: ${why}. Move its directory away, start again, and submit each job from its newest checkpoint: millrace run -s <checkpoint directory>/<job id>/chk-<epoch>-<id> <job.ts>`,
    cause === undefined ? {} : { cause },
  );
}
