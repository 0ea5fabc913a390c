// What must hold at every moment of a run, whatever fails. Knows nothing of how the engine does it.
import {
  decodeCheckpointMetadataV1,
  decodeCheckpointPointerV1,
  decodeFrameV1,
  FRAME_HEADER_BYTES,
  StreamElementKind,
  type CheckpointReference,
  type JobState,
  type JobStatus,
} from '@millrace/proto';
import type { StoreOperation } from '@millrace/jobmanager';

const NEXT_STATES: Readonly<Record<JobState, readonly JobState[]>> = {
  CREATED: ['RUNNING', 'RESTARTING'],
  RUNNING: ['RESTARTING', 'FINISHED'],
  RESTARTING: ['RUNNING'],
  FINISHED: [],
  FAILING: ['FAILED'],
  FAILED: [],
  CANCELLING: ['CANCELED'],
  CANCELED: [],
};
/** Sealed records begin with a version and a checksum. */
const RECORD_HEADER_BYTES = 5;
const FRAME_KIND_AT = 3;

/** Collects violations; the run ends with the first. */
export class SimInvariants {
  readonly violations: string[] = [];
  checkpointsCompleted = 0;
  /** No older attempt at any region acts: the oldest of those that ran together. */
  newestRunningAttempt = 0;
  isFinished = false;
  recordsDroppedLate = 0;
  readonly #blobs: ReadonlyMap<string, Uint8Array>;
  readonly #created = new Set<string>();
  readonly #linked = new Set<string>();
  readonly #watermarks = new Map<string, number>();
  /** Pending files that complete checkpoints name. */
  readonly #committable = new Set<string>();
  #referenced: ReadonlySet<string> = new Set();
  #newestCheckpointId = 0;
  /** The leader under which FINISHED became durable. */
  #finishedBy = Infinity;
  #state: { readonly leader: number; readonly state: JobState } | undefined;

  constructor(blobs: ReadonlyMap<string, Uint8Array>) {
    this.#blobs = blobs;
  }

  onBlobPut(name: string, isFirst: boolean): void {
    if (!isFirst) this.#violated(`blob ${name} is written twice`);
  }

  onBlobDelete(name: string): void {
    if (!this.isFinished && this.#referenced.has(name))
      this.#violated(`blob ${name} is deleted although a retained checkpoint refers to it`);
  }

  onStoreWrite(operations: readonly StoreOperation[]): void {
    for (const operation of operations) {
      if (operation.type === 'del') continue;
      if (operation.key.startsWith('pointer/'))
        this.#onPointer(decodeCheckpointPointerV1(operation.value).retained);
      if (operation.key.startsWith('progress/')) this.#onProgress(operation.value);
    }
  }

  /** What a JobManager tells those who watch the job. */
  onStatus(leader: number, { state, regions = [], vertices, error }: JobStatus): void {
    const before = this.#state;
    this.#state = { leader, state };
    // Who has written FINISHED learns a little later that it is durable; whoever leads next knows.
    const isKnown = before?.state === 'FINISHED' || leader > this.#finishedBy;
    if (this.isFinished && isKnown && state !== 'FINISHED')
      this.#violated(`the job is ${state} after it was FINISHED`);
    if (before?.leader === leader && before.state !== state && !NEXT_STATES[before.state].includes(state)) {
      this.#violated(`the job went from ${before.state} to ${state}: ${error?.message ?? 'no error'}`);
    }
    if (state === 'FAILED' || state === 'FAILING' || state === 'CANCELED')
      this.#violated(`the job is ${state}: ${error?.message ?? 'no error'}`);
    if (state === 'RUNNING' && regions.length > 0) {
      const oldest = Math.min(...regions.map(({ attemptNumber }) => attemptNumber));
      this.newestRunningAttempt = Math.max(this.newestRunningAttempt, oldest);
    }
    for (const { name, dropped } of vertices) {
      const late = dropped['late'] ?? 0;
      if (late > 0) this.#violated(`vertex ${name} dropped ${late} late records`);
    }
  }

  onFrame(frame: Uint8Array): void {
    if (frame[FRAME_KIND_AT] !== StreamElementKind.Watermark || frame.length < FRAME_HEADER_BYTES) return;
    const { header, element } = decodeFrameV1(frame);
    if (element.kind !== StreamElementKind.Watermark) return;
    const channel = `${header.producerAttempt}/${header.edgeId}/${header.producerSubtask}/${header.consumerSubtask}`;
    const last = this.#watermarks.get(channel) ?? -Infinity;
    if (element.timestampMs < last)
      this.#violated(`the watermark of channel ${channel} goes back from ${last} to ${element.timestampMs}`);
    this.#watermarks.set(channel, element.timestampMs);
  }

  onCreate(path: string): void {
    if (this.#created.has(path)) this.#violated(`file ${path} is created twice`);
    this.#created.add(path);
  }

  onLink({
    from,
    to,
    attemptNumber,
    isDurable,
  }: {
    readonly from: string;
    readonly to: string;
    readonly attemptNumber: number;
    readonly isDurable: boolean;
  }): void {
    const [source, target] = [nameOf(from), nameOf(to)];
    if (target.startsWith('.')) return;
    if (!isDurable) this.#violated(`${to} becomes visible before its content is durable`);
    if (!this.#committable.has(source))
      this.#violated(`${to} becomes visible although no complete checkpoint names it`);
    if (attemptNumber < this.newestRunningAttempt && !this.#linked.has(to)) {
      this.#violated(
        `attempt ${attemptNumber} commits ${to} for the first time although attempt ${this.newestRunningAttempt} has run`,
      );
    }
    this.#linked.add(to);
  }

  #onPointer(retained: readonly CheckpointReference[]): void {
    const newest = retained.at(-1);
    if (newest === undefined) return;
    if (newest.checkpointId <= this.#newestCheckpointId)
      this.#violated(`checkpoint ${newest.checkpointId} completes after ${this.#newestCheckpointId}`);
    this.#newestCheckpointId = newest.checkpointId;
    this.checkpointsCompleted++;
    const referenced = new Set<string>();
    for (const reference of retained) this.#collectFiles(reference, referenced);
    this.#referenced = referenced;
    for (const name of referenced)
      if (!this.#blobs.has(name))
        this.#violated(`checkpoint ${newest.checkpointId} is complete, but its file ${name} is not there`);
  }

  #collectFiles({ epoch, checkpointId }: CheckpointReference, into: Set<string>): void {
    const name = `chk-${epoch}-${checkpointId}/_metadata`;
    into.add(name);
    const bytes = this.#blobs.get(name);
    if (bytes === undefined) return;
    for (const { subtasks } of decodeCheckpointMetadataV1(bytes).vertices) {
      for (const { operators } of subtasks) {
        for (const { keyedFiles, inline } of operators) {
          for (const file of keyedFiles) into.add(file.name);
          collectPendingNames(inline, this.#committable);
        }
      }
    }
  }

  #onProgress(record: Uint8Array): void {
    const { state } = JSON.parse(Buffer.from(record.subarray(RECORD_HEADER_BYTES)).toString('utf8')) as {
      readonly state: JobState;
    };
    if (state === 'FINISHED') {
      if (!this.isFinished) this.#finishedBy = this.#state?.leader ?? 0;
      this.isFinished = true;
    } else if (this.isFinished) this.#violated(`the store says ${state} after FINISHED`);
  }

  #violated(what: string): void {
    this.violations.push(what);
  }
}

/** Finds `pendingName` fields, wherever a sink's state has them. */
function collectPendingNames(json: unknown, into: Set<string>): void {
  if (typeof json !== 'object' || json === null) return;
  const { pendingName } = json as { readonly pendingName?: unknown };
  if (typeof pendingName === 'string') into.add(pendingName);
  for (const value of Object.values(json)) collectPendingNames(value, into);
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
