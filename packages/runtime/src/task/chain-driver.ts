// [HOT] Runs an operator chain between its input and its outputs: what operator and source tasks have in common.
import { toFiniteWatermark } from '@millrace/common';
import type { SourceBatch } from '@millrace/api';
import { stopsInput, type RecordBatch, type SubtaskMetrics } from '@millrace/proto';
import type { BarrierElement, ControlElement } from '../channel/channel-element.ts';
import { ACTIVE, ElementKind, END_OF_INPUT, IDLE } from '../channel/channel-element.ts';
import type { ResultPartition } from '../channel/result-partition.ts';
import type { OperatorChain } from '../chain/operator-chain.ts';
import { SubtaskCheckpoints } from '../checkpoint/subtask-checkpoint.ts';
import { Progress } from './progress.ts';
import type { TaskContext } from './task-context.ts';

export interface ChainDriverOptions {
  readonly context: TaskContext;
  readonly chain: OperatorChain;
  readonly partitions: readonly ResultPartition[];
  /** Watermark that the vertex had reached when it was snapshotted; -Infinity at a fresh start. */
  readonly startWatermarkMs: number;
}

/**
 * The wall clock is looked at again after this time while something waits for it, ms: it may have jumped. What it jumped
 * over fires so much late at most.
 */
const WALL_CLOCK_LOOK_MS = 1_000;

/** A watermark is sent at most this often while there is input, ms. */
export const WATERMARK_INTERVAL_MS = 20;

const nothingMore = (): void => {};

/**
 * A chain with its outputs.
 * Contract: call `prepare` before each element; go on only when it returns undefined. What may stop early (batches,
 * watermarks, end of input) is finished by later calls of `prepare`. Control events are sent behind everything emitted before.
 * Threading: the slot's thread.
 */
export class ChainDriver {
  readonly chain: OperatorChain;
  readonly checkpoints: SubtaskCheckpoints;
  readonly #context: TaskContext;
  readonly #partitions: readonly ResultPartition[];
  #watermarkMs: number;
  /** A `watermarks` operator in the chain replaces the watermarks that the vertex receives. */
  readonly #makesWatermarks: boolean;
  /** Those behind do not know the restored watermark, and may wait for it as long as nothing comes. */
  #owesRestored: boolean;
  #ownWatermarkMs = -Infinity;
  #ownWatermarkSentMs = -Infinity;
  /** When a `watermarks` operator was last asked whether the clock moves its event time. */
  #tickedMs = -Infinity;
  #isIdle = false;
  #isAtEnd = false;
  #isRelieving = false;
  /** The chain was relieved where it stopped, and goes on next: what it holds on to cannot leave memory before it has. */
  #isRelieved = false;
  /** Stopping the world, or at a barrier that stops the job, the chain takes nothing until this checkpoint is over; 0: it may. */
  #heldById = 0;
  /** Only an abort lets it go on. */
  #isStopped = false;
  /** Of a chain with an asynchronous operator: the watermark that was sent on, and what waits for results. */
  #releasedMs: number;
  #heldSplitId = '';
  #owesIdle = false;
  /** What follows the end of input, which waits for results as well; barriers pass meanwhile. */
  #owesEnd: (() => void) | undefined;
  /** What follows when the chain has emitted all that it stopped at; undefined: it has not stopped. */
  #afterResume: (() => void) | undefined;

  constructor(options: ChainDriverOptions) {
    this.chain = options.chain;
    this.#context = options.context;
    this.#partitions = options.partitions;
    this.#watermarkMs = options.startWatermarkMs;
    this.#releasedMs = options.startWatermarkMs;
    this.#makesWatermarks =
      options.context.subtask.vertex.role === 'operator' && options.chain.ownWatermarkMs !== undefined;
    this.#owesRestored = options.startWatermarkMs > -Infinity && !this.#makesWatermarks;
    this.checkpoints = new SubtaskCheckpoints(options.context);
  }

  /** Event time that the chain has reached; +Infinity at the end of input. */
  get watermarkMs(): number {
    return this.#watermarkMs;
  }

  /** The end of input has been passed on. */
  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /** The chain is in the middle of something, or held: no element may be given to it. */
  get isBusy(): boolean {
    return this.#afterResume !== undefined || this.#isRelieving || this.#heldById > 0;
  }

  get hasCredit(): boolean {
    for (let index = 0; index < this.#partitions.length; index++) {
      if (this.#partitions[index]?.hasCredit !== true) return false;
    }
    return true;
  }

  /** An asynchronous operator has as many records in flight as it may: no batch may be given to the chain. */
  get isFull(): boolean {
    return this.chain.inFlight?.isFull === true;
  }

  get hasPendingOutput(): boolean {
    for (let index = 0; index < this.#partitions.length; index++) {
      if ((this.#partitions[index]?.pendingRows ?? 0) > 0) return true;
    }
    return false;
  }

  /** Goes on with what was begun. Returns undefined when the chain can take an element. */
  prepare(): Progress | undefined {
    if (this.#isRelieving || this.#heldById > 0) return Progress.Idle;
    if (!this.hasCredit) return Progress.Blocked;
    if (this.#owesRestored) this.#sendRestored();
    if (!this.#isRelieved && this.chain.needsRelief && this.#relieve()) return Progress.Idle;
    this.#isRelieved = false;
    this.#sendReleased();
    if (this.#afterResume !== undefined) {
      if (this.chain.isAwaitingResults) return Progress.Idle;
      if (!this.chain.resume()) return Progress.Made;
      const afterResume = this.#afterResume;
      this.#afterResume = undefined;
      afterResume();
      return Progress.Made;
    }
    if (this.chain.inFlight?.hasResults === true) {
      this.#run(this.chain.emitResults(), () => this.#sendReleased());
      return Progress.Made;
    }
    if (this.#owesEnd !== undefined && this.chain.inFlight?.isEmpty === true) {
      const after = this.#owesEnd;
      this.#owesEnd = undefined;
      this.endInput(after);
      return Progress.Made;
    }
    const dueMs = this.chain.nextProcessingTimeMs();
    if (dueMs === Infinity || this.#isAtEnd) return undefined;
    const nowMs = this.#context.ports.clock.nowMs();
    if (dueMs > nowMs) return undefined;
    this.#run(this.chain.advanceProcessingTime(nowMs), nothingMore);
    return Progress.Made;
  }

  /** Milliseconds until a processing-time timer of the chain or a watermark of its own is due. */
  dueInMs(): number {
    if (this.#isAtEnd || this.isBusy || !this.hasCredit) return Infinity;
    const { clock } = this.#context.ports;
    const nextMs = this.chain.nextProcessingTimeMs();
    let dueMs =
      nextMs === Infinity ? Infinity : Math.min(WALL_CLOCK_LOOK_MS, Math.max(0, nextMs - clock.nowMs()));
    if (!this.#makesWatermarks) return dueMs;
    const { eventTimeIntervalMs } = this.chain;
    if (eventTimeIntervalMs < Infinity)
      dueMs = Math.min(dueMs, Math.max(0, this.#tickedMs + eventTimeIntervalMs - clock.monotonicMs()));
    const owesWatermark = (this.chain.ownWatermarkMs ?? -Infinity) > this.#ownWatermarkMs;
    return owesWatermark
      ? Math.min(dueMs, this.#ownWatermarkSentMs + WATERMARK_INTERVAL_MS - clock.monotonicMs())
      : dueMs;
  }

  /** Records of an input edge. */
  processBatch(inputIndex: number, batch: RecordBatch, channelIndex: number): void {
    this.#run(this.chain.processBatch(inputIndex, batch, channelIndex), () => this.sendOwnWatermark());
  }

  /** Records of a source; `after` gets the greatest event time among them, NaN for none, when all have gone through. */
  processSource(batch: SourceBatch<unknown>, splitId: string, after: (eventTimeMaxMs: number) => void): void {
    this.#run(this.chain.processSource(batch, splitId), () => after(this.chain.sourceTimeMs));
  }

  /** Event time has come to `timestampMs`, which is greater than before. */
  advanceWatermark(timestampMs: number, splitId: string): void {
    this.#watermarkMs = timestampMs;
    this.#run(this.chain.advanceWatermark(timestampMs), () => {
      this.#heldSplitId = splitId;
      if (this.chain.inFlight !== undefined) this.#sendReleased();
      else if (!this.#makesWatermarks)
        this.#sendWatermark(timestampMs - this.chain.watermarkDelayMs, splitId);
    });
  }

  /** Sends what no result stands before any more: the watermark, and that nothing comes. */
  #sendReleased(): void {
    const { inFlight } = this.chain;
    if (inFlight === undefined || this.#isAtEnd) return;
    const { releasedWatermarkMs } = inFlight;
    if (releasedWatermarkMs > this.#releasedMs && releasedWatermarkMs < Infinity) {
      this.#releasedMs = releasedWatermarkMs;
      this.#sendWatermark(
        releasedWatermarkMs,
        releasedWatermarkMs === this.#watermarkMs ? this.#heldSplitId : '',
      );
    }
    if (!this.#owesIdle || !inFlight.isEmpty) return;
    this.#owesIdle = false;
    this.broadcast(IDLE);
  }

  /** After a batch: sends what a `watermarks` operator in the chain has made of it. */
  sendOwnWatermark(): void {
    if (!this.#makesWatermarks) return;
    const nowMs = this.#context.ports.clock.monotonicMs();
    if (nowMs - this.#tickedMs >= this.chain.eventTimeIntervalMs) {
      this.#tickedMs = nowMs;
      this.chain.tickEventTime('');
    }
    const timestampMs = this.chain.ownWatermarkMs;
    if (timestampMs === undefined || !(timestampMs > this.#ownWatermarkMs)) return;
    if (nowMs - this.#ownWatermarkSentMs < WATERMARK_INTERVAL_MS || this.#isAtEnd) return;
    this.#ownWatermarkMs = timestampMs;
    this.#ownWatermarkSentMs = nowMs;
    this.#sendWatermark(timestampMs, '');
  }

  setIdle(isIdle: boolean): void {
    // Its watermarks go on by the clock, whether records come or not.
    if (this.#makesWatermarks && this.chain.eventTimeIntervalMs < Infinity) return;
    if (isIdle === this.#isIdle || this.#isAtEnd) return;
    this.#isIdle = isIdle;
    const wasHeld = this.#owesIdle;
    this.#owesIdle = isIdle && this.chain.inFlight?.isEmpty === false;
    if (!wasHeld && !this.#owesIdle) this.broadcast(isIdle ? IDLE : ACTIVE);
  }

  /** All input has come: fires everything that waits for event time, then what waits for the end, then calls `after`. */
  endInput(after: () => void = nothingMore): void {
    if (this.chain.inFlight?.isEmpty === false) {
      this.#owesEnd = after;
      return;
    }
    this.#watermarkMs = Infinity;
    this.#run(this.chain.advanceWatermark(Infinity), () =>
      this.#run(this.chain.endInput(), () => {
        this.broadcast(END_OF_INPUT);
        this.#isAtEnd = true;
        this.#context.reportMetrics();
        const { executionAttemptId } = this.#context.subtask;
        this.#context.ports.log.info?.('end of input reached', { executionAttemptId });
        this.#context.ports.report({ kind: 'end-of-input', executionAttemptId });
        after();
      }),
    );
  }

  /** The barriers of all channels are here: passes on one, freezes, and writes in the background. Behind one that stops, nothing is done. */
  takeCheckpoint(barrier: BarrierElement, alignmentMs: number): void {
    const owed = this.#owesEnd;
    if (barrier.mode === 'drain' && owed !== undefined) {
      // It is the last one of a job that ends: nothing may stay in flight.
      this.#owesEnd = () => {
        owed();
        this.takeCheckpoint(barrier, alignmentMs);
      };
      return;
    }
    const { clock } = this.#context.ports;
    const startedMs = clock.monotonicMs();
    this.broadcast(barrier);
    const { checkpointId, mode } = barrier;
    this.#isStopped = stopsInput(mode);
    if (this.#isStopped || this.#context.deployment.options.checkpointMode === 'stop-the-world')
      this.#heldById = checkpointId;
    // Nothing will be counted any more, unless it is aborted: whoever commits later knows what was read.
    if (this.#isStopped) this.#context.reportMetrics();
    const frozen = this.chain.freeze(checkpointId, mode === 'final' && this.#isAtEnd);
    const syncMs = clock.monotonicMs() - startedMs;
    this.checkpoints.write({
      checkpointId,
      mode,
      chain: frozen,
      watermarkMs: this.chain.inFlight?.releasedWatermarkMs ?? this.#watermarkMs,
      alignmentMs,
      syncMs,
    });
  }

  checkpointCompleted(checkpointId: number): void {
    if (!this.#isStopped) this.#release(checkpointId);
    this.chain.checkpointCompleted(checkpointId);
  }

  checkpointAborted(checkpointId: number): void {
    this.#release(checkpointId);
    this.checkpoints.abort(checkpointId);
    this.chain.checkpointAborted(checkpointId);
  }

  /** The world goes on: the JobManager says of each checkpoint how it ended, as long as the attempt lives. */
  #release(checkpointId: number): void {
    if (checkpointId >= this.#heldById) this.#heldById = 0;
  }

  /** Sends a control event on every edge, behind all that the chain has emitted. */
  broadcast(element: ControlElement): void {
    this.chain.flushPartials();
    this.#send(element);
  }

  #sendRestored(): void {
    this.#owesRestored = false;
    const timestampMs = this.#watermarkMs - this.chain.watermarkDelayMs;
    this.#send({ kind: ElementKind.Watermark, timestampMs, splitId: '' });
  }

  #sendWatermark(timestampMs: number, splitId: string): void {
    this.chain.flushPartials(timestampMs);
    const watermark = { kind: ElementKind.Watermark, timestampMs, splitId } as const;
    for (let index = 0; index < this.#partitions.length; index++) {
      const partition = this.#partitions[index] as ResultPartition;
      if (this.chain.holdsWatermarks(partition)) partition.holdWatermark(watermark);
      else partition.broadcast(watermark);
    }
  }

  #send(element: ControlElement): void {
    for (let index = 0; index < this.#partitions.length; index++) this.#partitions[index]?.broadcast(element);
  }

  flush(): void {
    for (let index = 0; index < this.#partitions.length; index++) this.#partitions[index]?.flush();
  }

  metrics(
    own: Pick<SubtaskMetrics, 'busyShare' | 'backPressuredShare' | 'inputRead'> & {
      /** The source's split that holds event time back; '': not known. */
      readonly watermarkSplit: string;
    },
  ): SubtaskMetrics {
    const { vertex, subtaskIndex } = this.#context.subtask;
    const { recordsIn, recordsOut, recordsAhead, stateBytes, stateEntries } = this.chain.metrics;
    const isHeld = own.watermarkSplit !== '' && !this.#makesWatermarks && this.#watermarkMs < Infinity;
    const { counts, samples } = this.chain.drops;
    const metrics = this.chain.operatorMetrics();
    let bytesOut = 0;
    for (const partition of this.#partitions) bytesOut += partition.sentBytes;
    return {
      vertexId: vertex.vertexId,
      subtaskIndex,
      recordsIn,
      recordsOut,
      bytesOut,
      busyShare: own.busyShare,
      backPressuredShare: own.backPressuredShare,
      watermarkMs: toFiniteWatermark(this.#watermarkMs),
      ...(isHeld ? { watermarkSplit: own.watermarkSplit } : {}),
      ...(recordsAhead === 0 ? {} : { recordsAhead }),
      dropped: counts,
      ...(samples.length === 0 ? {} : { droppedSamples: samples }),
      inputRead: own.inputRead,
      inputTotal: 0,
      stateBytes,
      stateEntries,
      ...(metrics.length === 0 ? {} : { metrics }),
    };
  }

  #run(isDone: boolean, after: () => void): void {
    if (isDone) after();
    else this.#afterResume = after;
  }

  /** Returns true when the chain now writes state out and must be left alone. */
  #relieve(): boolean {
    const relief = this.chain.relieve();
    if (relief === undefined) return false;
    this.#isRelieving = true;
    const { executionAttemptId } = this.#context.subtask;
    this.#context.mailbox.await(
      relief,
      () => {
        this.#isRelieving = false;
        this.#isRelieved = this.#afterResume !== undefined;
      },
      (error) => this.#context.fail(error, executionAttemptId),
    );
    return true;
  }
}
