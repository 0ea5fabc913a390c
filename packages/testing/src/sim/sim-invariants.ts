// What must hold at every moment of a run, whatever fails. Knows nothing of how the engine does it.
import { crc32 } from 'node:zlib';
import type { JobId } from '@millrace/common';
import {
  decodeCheckpointMetadataV1,
  decodeCheckpointPointerV1,
  type CheckpointPointer,
  type CheckpointReference,
  type JobState,
  type JobStatus,
  type KeyedStateFile,
} from '@millrace/proto';
import type { StoreOperation } from '@millrace/jobmanager';
import { ChannelInvariants } from './channel-invariants.ts';
import { CheckpointInvariants } from './checkpoint-invariants.ts';
import { CommitInvariants, type CommittingAttempt } from './commit-invariants.ts';
import { positionsOf, type SourcePositions } from './source-positions.ts';

/** As the engine's documents have it; `CREATED` → `FINISHED` and the like are left out on purpose. */
const NEXT_STATES: Readonly<Record<JobState, readonly JobState[]>> = {
  CREATED: ['RUNNING', 'RESTARTING', 'FAILING', 'CANCELLING'],
  RUNNING: ['RESTARTING', 'FINISHED', 'FAILING', 'CANCELLING'],
  RESTARTING: ['RUNNING', 'FAILING', 'CANCELLING'],
  FINISHED: [],
  FAILING: ['FAILED'],
  FAILED: [],
  CANCELLING: ['CANCELED'],
  CANCELED: [],
};
const TERMINAL = new Set<JobState>(['FINISHED', 'FAILED', 'CANCELED']);
/** The stop with a savepoint that a job's record has. */
interface StopOfRecord {
  readonly mode: string;
  readonly epoch: number;
  readonly checkpointId: number;
}
/** Sealed records begin with a version and a checksum. */
const RECORD_HEADER_BYTES = 5;

export interface SimInvariantsOptions {
  readonly blobs: ReadonlyMap<string, Uint8Array>;
  /** Batches that a consumer takes without having been asked, where a run changes that. */
  readonly creditsAtFirst?: number | undefined;
  /** True: the job may fail for good with an error of this code, because of what struck. */
  readonly isFailureExcused: (code: string) => boolean;
  readonly isStateKeptOnCancel: boolean;
  /** True: somebody has asked to cancel the job. */
  readonly isCancelled: () => boolean;
}

/** Collects violations; the run ends with the first. */
export class SimInvariants {
  readonly violations: string[] = [];
  readonly channels: ChannelInvariants;
  readonly checkpoints: CheckpointInvariants;
  readonly commits: CommitInvariants;
  checkpointsCompleted = 0;
  /** The job's end, once it is durable. */
  endState: JobState | undefined;
  readonly #of: SimInvariantsOptions;
  readonly #created = new Set<string>();
  readonly #lateBlobs = new Set<string>();
  readonly #endedJobs = new Set<string>();
  readonly #verified = new Set<string>();
  readonly #owners = new Map<string, number>();
  #referenced: ReadonlySet<string> = new Set();
  #newestCheckpointId = 0;
  #epoch = 0;
  /** Who wrote the newest epoch. */
  #leader: object | undefined;
  /** The leader under which the end became durable. */
  #endedBy = Infinity;
  /** Of a job that is drained, once that is durable. */
  #drainedAt: SourcePositions | undefined;
  #state: { readonly leader: number; readonly state: JobState } | undefined;

  constructor(of: SimInvariantsOptions) {
    this.#of = of;
    const violated = (what: string): void => this.violated(what);
    this.channels = new ChannelInvariants(of.creditsAtFirst, violated);
    this.checkpoints = new CheckpointInvariants(violated);
    this.commits = new CommitInvariants(violated);
  }

  /** How far its sources had come when the job ended by being drained, with its savepoint or without; undefined: it ended otherwise. */
  get drainedAt(): SourcePositions | undefined {
    return this.endState === 'FINISHED' ? this.#drainedAt : undefined;
  }

  violated(what: string): void {
    this.violations.push(what);
  }

  /** Another job goes on where this one ended. */
  nextJob(ended: JobId): void {
    this.#endedJobs.add(ended);
    this.endState = undefined;
    this.#state = undefined;
    this.#endedBy = Infinity;
    this.#drainedAt = undefined;
    this.#newestCheckpointId = 0;
    this.#referenced = new Set();
    this.commits.nextJob();
  }

  // The blob store

  onBlobPut(name: string, isFirst: boolean): void {
    if (!isFirst) this.violated(`blob ${name} is written twice`);
    const [jobId = ''] = name.split('/');
    if (this.endState !== undefined || this.#endedJobs.has(jobId)) this.#lateBlobs.add(name);
  }

  /** Checkpoint files of a job that has ended; those that came after its end nobody looks for. */
  get blobsLeft(): readonly string[] {
    return [...this.#of.blobs.keys()].filter((name) => !this.#lateBlobs.has(name));
  }

  onBlobDelete(name: string): void {
    const areNeeded =
      this.endState !== 'FINISHED' && (this.endState !== 'CANCELED' || this.#of.isStateKeptOnCancel);
    if (areNeeded && this.#referenced.has(name))
      this.violated(`blob ${name} is deleted although a retained checkpoint refers to it`);
  }

  // The JobManager's store

  onStoreWrite(writer: object, operations: readonly StoreOperation[]): void {
    const epoch = operations.find(({ key }) => key === 'epoch');
    if (epoch !== undefined && epoch.type !== 'del') this.#onEpoch(writer, epoch.value);
    else if (writer !== this.#leader)
      this.violated('a JobManager writes to the store after another one took over');
    for (const operation of operations) {
      if (operation.type === 'del') continue;
      if (operation.key.startsWith('pointer/')) this.#onPointer(decodeCheckpointPointerV1(operation.value));
      if (operation.key.startsWith('progress/'))
        this.#onProgress(operation.key.slice('progress/'.length), operation.value);
    }
  }

  /** What a JobManager tells those who watch the job. */
  onStatus(leader: number, { state, vertices, regions = [], error }: JobStatus): void {
    const before = this.#state;
    this.#state = { leader, state };
    // Who has written the end learns a little later that it is durable; whoever leads next knows.
    const isKnown = before?.state === this.endState || leader > this.#endedBy;
    if (this.endState !== undefined && isKnown && state !== this.endState)
      this.violated(`the job is ${state} after it was ${this.endState}`);
    const why = error?.message ?? 'no error';
    if (before?.leader === leader && before.state !== state && !NEXT_STATES[before.state].includes(state))
      this.violated(`the job went from ${before.state} to ${state}: ${why}`);
    if ((state === 'FAILED' || state === 'FAILING') && !this.#of.isFailureExcused(error?.code ?? ''))
      this.violated(`the job is ${state}: ${why}`);
    if ((state === 'CANCELED' || state === 'CANCELLING') && !this.#of.isCancelled())
      this.violated(`the job is ${state}, and nobody asked for that`);
    for (const { attemptNumber, vertexIds, isRunning } of regions)
      if (isRunning) this.commits.onRunning(attemptNumber, vertexIds);
    for (const { name, dropped } of vertices) {
      const late = dropped['late'] ?? 0;
      if (late > 0) this.violated(`vertex ${name} dropped ${late} late records`);
    }
  }

  // Files

  onCreate(path: string): void {
    if (this.#created.has(path)) this.violated(`file ${path} is created twice`);
    this.#created.add(path);
  }

  onLink(of: {
    readonly from: string;
    readonly to: string;
    readonly attempt: CommittingAttempt;
    readonly isDurable: boolean;
  }): void {
    const { from, to, attempt, isDurable } = of;
    if (!nameOf(to).startsWith('.')) this.commits.onVisible({ name: nameOf(from), attempt, isDurable });
  }

  onRemove(of: {
    readonly path: string;
    readonly attempt: CommittingAttempt;
    readonly madeBy: CommittingAttempt;
  }): void {
    const { path, attempt, madeBy } = of;
    if (attempt.jobId === madeBy.jobId && attempt.attemptNumber < madeBy.attemptNumber)
      this.violated(
        `attempt ${attempt.attemptNumber} removes a file of attempt ${madeBy.attemptNumber}: ${nameOf(path)}`,
      );
  }

  // User code

  /** A keyed function was called in a subtask. */
  onKey(attempt: string, operator: string, key: string, subtaskIndex: number): void {
    const name = `${attempt}/${operator}/${key}`;
    const owner = this.#owners.get(name);
    if (owner === undefined) this.#owners.set(name, subtaskIndex);
    else if (owner !== subtaskIndex)
      this.violated(
        `key ${key} of ${operator} is in subtasks ${owner} and ${subtaskIndex} of attempt ${attempt}`,
      );
  }

  // What is stored of the job

  #onEpoch(writer: object, record: Uint8Array): void {
    this.#leader = writer;
    const { epoch } = jsonOf(record) as { readonly epoch: number };
    if (epoch <= this.#epoch) this.violated(`a JobManager takes epoch ${epoch} after ${this.#epoch}`);
    this.#epoch = epoch;
  }

  #onPointer({ jobId, retained }: CheckpointPointer): void {
    const newest = retained.at(-1);
    if (newest === undefined) return;
    if (newest.checkpointId <= this.#newestCheckpointId)
      this.violated(`checkpoint ${newest.checkpointId} completes after ${this.#newestCheckpointId}`);
    this.#newestCheckpointId = newest.checkpointId;
    this.checkpoints.onEnd(newest.epoch, { jobId, checkpointId: newest.checkpointId });
    this.checkpointsCompleted++;
    const referenced = new Set<string>();
    for (const reference of retained) this.#collectFiles(jobId, reference, referenced);
    this.#referenced = referenced;
  }

  #collectFiles(jobId: string, { epoch, checkpointId }: CheckpointReference, into: Set<string>): void {
    const name = `${jobId}/chk-${epoch}-${checkpointId}/_metadata`;
    into.add(name);
    const bytes = this.#of.blobs.get(name);
    if (bytes === undefined) {
      this.violated(`checkpoint ${checkpointId} is retained, but its metadata ${name} is not there`);
      return;
    }
    for (const { subtasks } of decodeCheckpointMetadataV1(bytes).vertices) {
      for (const { operators } of subtasks) {
        for (const { keyedFiles, inline } of operators) {
          for (const file of keyedFiles) {
            into.add(`${jobId}/${file.name}`);
            this.#verify(checkpointId, { ...file, name: `${jobId}/${file.name}` });
          }
          this.commits.onComplete(inline);
        }
      }
    }
  }

  /** Nobody changes a blob: each is looked at once. */
  #verify(checkpointId: number, { name, bytes: length, crc32: checksum }: KeyedStateFile): void {
    const bytes = this.#of.blobs.get(name);
    if (bytes === undefined)
      this.violated(`checkpoint ${checkpointId} is retained, but its file ${name} is not there`);
    else if (!this.#verified.has(name) && (bytes.length !== length || crc32(bytes) !== checksum))
      this.violated(`checkpoint ${checkpointId} is retained, but its file ${name} is another than it says`);
    this.#verified.add(name);
  }

  #onProgress(jobId: string, record: Uint8Array): void {
    const { state, stop } = jsonOf(record) as { readonly state: JobState; readonly stop?: StopOfRecord };
    if (stop?.mode !== 'drain') this.#drainedAt = undefined;
    else if (this.#drainedAt === undefined) {
      const metadata = this.#of.blobs.get(`${jobId}/chk-${stop.epoch}-${stop.checkpointId}/_metadata`);
      if (metadata !== undefined) this.#drainedAt = positionsOf(decodeCheckpointMetadataV1(metadata));
    }
    if (this.endState !== undefined && state !== this.endState)
      this.violated(`the store says ${state} after ${this.endState}`);
    if (!TERMINAL.has(state) || this.endState !== undefined) return;
    this.#endedBy = this.#state?.leader ?? 0;
    this.endState = state;
  }
}

function jsonOf(record: Uint8Array): unknown {
  return JSON.parse(Buffer.from(record.subarray(RECORD_HEADER_BYTES)).toString('utf8'));
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
