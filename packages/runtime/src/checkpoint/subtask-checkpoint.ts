// One subtask's part in checkpoints: freezes at the barrier, writes in the background, acknowledges or declines.
import {
  MillraceError,
  isMillraceError,
  toFiniteWatermark,
  toWireError,
  type Cancellable,
} from '@millrace/common';
import {
  SNAPSHOT_INLINE_BYTES_MAX,
  type BarrierMode,
  type OperatorSnapshot,
  type SubtaskSnapshot,
} from '@millrace/proto';
import type { FrozenChain } from '../chain/operator-chain.ts';
import type { TaskContext } from '../task/task-context.ts';
import { jsonByteLength } from './json-byte-length.ts';

/** What the barrier found. */
export interface FrozenSubtask {
  readonly checkpointId: number;
  readonly mode: BarrierMode;
  readonly chain: FrozenChain;
  readonly watermarkMs: number;
  readonly alignmentMs: number;
  readonly syncMs: number;
}

/** Snapshots of one subtask that are written at once: one whose checkpoint was given up, and the next. */
const WRITES_MAX = 2;
/** How long the last snapshot waits for those that were given up to end, ms. They do at their next pause, if the store answers. */
const LAST_WAIT_MS_MAX = 5_000;

/**
 * Writes the snapshots of one subtask.
 * Contract: a failed write declines the checkpoint and the job goes on; an aborted one is forgotten: its result is
 * neither acknowledged nor declined. Threading: the slot's thread.
 */
export class SubtaskCheckpoints {
  readonly #context: TaskContext;
  /** Checkpoints whose files are being written. Bounded by the JobManager, which has few pending. */
  readonly #writing = new Set<number>();
  /** Writes under way, those of checkpoints that are over included: each holds on to bytes until the store answers. */
  #writesUnderWay = 0;
  /** The last snapshot, while it waits for others. */
  #waiting: { readonly frozen: FrozenSubtask; readonly limit: Cancellable } | undefined;

  constructor(context: TaskContext) {
    this.#context = context;
  }

  /** Behind the last checkpoint files are deleted: those of one that was given up for it are not to come after that. */
  write(frozen: FrozenSubtask): void {
    const { mailbox, ports } = this.#context;
    this.#writing.add(frozen.checkpointId);
    if (frozen.mode === 'continue' || this.#writesUnderWay === 0) {
      this.#begin(frozen);
      return;
    }
    const goOn = (): void => mailbox.put(() => this.#beginWaiting());
    this.#waiting?.limit.cancel();
    this.#waiting = { frozen, limit: ports.timers.schedule(LAST_WAIT_MS_MAX, goOn) };
  }

  #beginWaiting(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    waiting.limit.cancel();
    this.#waiting = undefined;
    this.#begin(waiting.frozen);
  }

  #ended(): void {
    this.#writesUnderWay--;
    if (this.#writesUnderWay === 0) this.#beginWaiting();
  }

  #begin(frozen: FrozenSubtask): void {
    const { mailbox, ports } = this.#context;
    const startedMs = ports.clock.monotonicMs();
    if (this.#writesUnderWay >= WRITES_MAX) {
      this.#decline(frozen.checkpointId, storeTooSlow(frozen.checkpointId));
      return;
    }
    this.#writesUnderWay++;
    mailbox.await(
      startWrite(() => frozen.chain.write(ports.blobStore, this.#prefix(frozen.checkpointId))),
      ({ operators, newBytes }) => {
        this.#ended();
        const oversize = oversizeOf(operators);
        if (oversize !== undefined) {
          this.#decline(frozen.checkpointId, oversize);
          return;
        }
        if (!this.#writing.delete(frozen.checkpointId)) return;
        const asyncMs = ports.clock.monotonicMs() - startedMs;
        ports.report({
          kind: 'checkpoint-acknowledged',
          executionAttemptId: this.#context.subtask.executionAttemptId,
          checkpointId: frozen.checkpointId,
          snapshot: this.#snapshot(frozen, operators, newBytes),
          alignmentMs: frozen.alignmentMs,
          syncMs: frozen.syncMs,
          asyncMs,
        });
      },
      (error) => {
        this.#ended();
        this.#decline(frozen.checkpointId, error);
      },
    );
  }

  /** The checkpoint is over without us: whatever its write gives is not reported. */
  abort(checkpointId: number): void {
    this.#writing.delete(checkpointId);
    if (this.#waiting?.frozen.checkpointId !== checkpointId) return;
    this.#waiting.limit.cancel();
    this.#waiting = undefined;
  }

  #decline(checkpointId: number, error: unknown): void {
    if (!this.#writing.delete(checkpointId)) return;
    const { ports, subtask } = this.#context;
    const declined = isMillraceError(error)
      ? error
      : new MillraceError(
          'MR_CHECKPOINT_DECLINED',
          `Cannot write the snapshot of checkpoint ${checkpointId}`,
          {
            details: { checkpointId, executionAttemptId: subtask.executionAttemptId },
            cause: error,
          },
        );
    ports.log.warn?.('checkpoint declined', { checkpointId, error: declined });
    ports.report({
      kind: 'checkpoint-declined',
      executionAttemptId: subtask.executionAttemptId,
      checkpointId,
      error: toWireError(declined),
    });
  }

  /** Unique for all time: ids are never used again within an epoch, attempts never within a job. */
  #prefix(checkpointId: number): string {
    const { deployment, subtask } = this.#context;
    const directory = `chk-${deployment.leaderEpoch}-${checkpointId}`;
    return `${directory}/${subtask.vertex.vertexId}-${subtask.subtaskIndex}-${deployment.attemptNumber}-`;
  }

  #snapshot(
    frozen: FrozenSubtask,
    operators: readonly OperatorSnapshot[],
    newBytes: number,
  ): SubtaskSnapshot {
    const { subtask } = this.#context;
    let totalBytes = 0;
    for (const operator of operators) {
      for (const file of operator.keyedFiles) totalBytes += file.bytes;
    }
    return {
      subtaskIndex: subtask.subtaskIndex,
      parallelism: subtask.vertex.parallelism,
      watermarkMs: toFiniteWatermark(frozen.watermarkMs),
      operators,
      newBytes,
      totalBytes,
    };
  }
}

function storeTooSlow(checkpointId: number): MillraceError {
  return new MillraceError(
    'MR_CHECKPOINT_DECLINED',
    `Cannot write the snapshot of checkpoint ${checkpointId}: those of ${WRITES_MAX} earlier ones are still being written`,
    { details: { checkpointId } },
  );
}

/** The error for snapshots that do not fit into an acknowledgement; undefined: they do. */
function oversizeOf(operators: readonly OperatorSnapshot[]): MillraceError | undefined {
  let bytes = 0;
  let greatest = { uid: '', bytes: -1 };
  for (const { uid, inline } of operators) {
    const inlineBytes = jsonByteLength(inline);
    bytes += inlineBytes;
    if (inlineBytes > greatest.bytes) greatest = { uid, bytes: inlineBytes };
  }
  if (bytes <= SNAPSHOT_INLINE_BYTES_MAX) return undefined;
  return new MillraceError(
    'MR_UNSUPPORTED_VALUE',
    `Cannot snapshot operator "${greatest.uid}": its positions, splits or transactions take ${greatest.bytes} bytes of JSON, those of one subtask at most ${SNAPSHOT_INLINE_BYTES_MAX}; make them fewer or smaller, or raise the parallelism`,
    { details: { uid: greatest.uid, bytes: greatest.bytes, bytesMax: SNAPSHOT_INLINE_BYTES_MAX } },
  );
}

/** A write that throws before it gives a promise fails like one that rejects. */
async function startWrite<T>(write: () => Promise<T>): Promise<T> {
  return await write();
}
