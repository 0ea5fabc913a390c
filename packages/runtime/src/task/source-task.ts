// [HOT] The task of a source vertex: asks for splits, reads them, gives their records to the chain.
import { MillraceError, type ExecutionAttemptId } from '@millrace/common';
import type {
  ConnectorContext,
  Operator,
  SourceBatch,
  Split,
  SplitContext,
  WatermarkSpec,
} from '@millrace/api';
import type { Json, SubtaskMetrics } from '@millrace/proto';
import { AlignmentStep, BarrierAligner } from '../channel/barrier-aligner.ts';
import { ElementKind, type BarrierElement, type ChannelElement } from '../channel/channel-element.ts';
import type { InputChannel } from '../channel/input-channel.ts';
import { WATERMARK_INTERVAL_MS, type ChainDriver } from './chain-driver.ts';
import { Progress } from './progress.ts';
import { RateLimit } from './rate-limit.ts';
import { ReadPace } from './read-pace.ts';
import { encodeReaderState, type ReaderState, type SplitState } from './source-state.ts';
import { SourceTime } from './source-time.ts';
import { ReadState, rowCountOf, SplitProgress } from './split-progress.ts';
import type { TaskContext } from './task-context.ts';
import type { Task } from './task.ts';

export type SourceOperator = Extract<Operator, { readonly kind: 'source' }>;

/** The reader's part of the vertex, made before the chain because the chain snapshots it. */
export interface SourceTaskOptions {
  readonly context: TaskContext;
  readonly operator: SourceOperator;
  readonly connectorContext: ConnectorContext;
  /** From the enumerator. */
  readonly channel: InputChannel;
  readonly start: ReaderState;
  readonly startWatermarkMs: number;
  /** Of the source, or of a `watermarks` operator chained to it. */
  readonly watermarks: WatermarkSpec | undefined;
}

/**
 * A reader.
 * Contract: a bounded source's splits are read one after the other in their order; an unbounded source's side by side.
 * The snapshot holds positions behind the last processed batches. A source whose splits are not ordered in time holds
 * its watermark until its reader knows that it is in its last split. Threading: the slot's thread.
 */
export class SourceTask implements Task {
  readonly executionAttemptId: ExecutionAttemptId;
  readonly isReader: boolean = true;
  readonly #options: SourceTaskOptions;
  readonly #context: TaskContext;
  readonly #time: SourceTime;
  readonly #aligner = new BarrierAligner(1);
  readonly #rate: RateLimit;
  readonly #pace: ReadPace;
  readonly #isBounded: boolean;
  #driver: ChainDriver | undefined;
  /** By ordinal. A bounded source reads the first only. */
  #splits: SplitProgress[] = [];
  /** Splits read side by side, and of these those that count for the watermark. */
  #open: readonly SplitProgress[] = [];
  #nextSplit = 0;
  #hasRequested = false;
  #hasAllSplits = false;
  #weightFinished: number;
  #watermarkSentMs = -Infinity;
  /** Records went through since the watermark was last looked at. */
  #owesWatermark = false;

  constructor(options: SourceTaskOptions) {
    this.#options = options;
    this.#context = options.context;
    const { subtask, ports } = options.context;
    const nowMs = ports.clock.monotonicMs();
    this.executionAttemptId = subtask.executionAttemptId;
    this.#isBounded = options.operator.source.boundedness === 'bounded';
    this.#time = new SourceTime({
      watermarks: options.watermarks,
      isBounded: this.#isBounded,
      startMs: options.startWatermarkMs,
      chain: () => this.driver.chain,
    });
    const ratePerSecond = options.operator.ratePerSecond ?? options.operator.source.ratePerSecond ?? Infinity;
    this.#rate = new RateLimit(ratePerSecond / subtask.vertex.parallelism, nowMs);
    this.#pace = new ReadPace();
    this.#weightFinished = options.start.weightFinished;
    for (const split of options.start.splits) this.#add(split);
  }

  /** Binds the chain, which has this reader's snapshot function. */
  bind(driver: ChainDriver): void {
    this.#driver = driver;
  }

  get hasPendingOutput(): boolean {
    return this.driver.hasPendingOutput;
  }

  get expectsInput(): boolean {
    if (!this.#isBounded) return false;
    return this.#open.some((split) => split.isPending);
  }

  get driver(): ChainDriver {
    if (this.#driver === undefined)
      throw new MillraceError('MR_INTERNAL', 'Invariant violated: the source has no chain yet');
    return this.#driver;
  }

  /** What the chain writes into the source's snapshot. */
  snapshot(): Json {
    return encodeReaderState({
      weightFinished: this.#weightFinished,
      splits: this.#splits.map((split) => split.snapshot()),
    });
  }

  runOnce(): Progress {
    const driver = this.driver;
    if (!driver.isBusy) {
      const element = this.#options.channel.queue.poll();
      if (element !== undefined) {
        this.#onControl(element);
        return Progress.Made;
      }
    }
    const progress = driver.prepare();
    if (progress !== undefined) return progress;
    if (driver.isAtEnd) return Progress.Idle;
    return this.#readOnce();
  }

  flush(): void {
    this.driver.flush();
  }

  dueInMs(): number {
    const driver = this.driver;
    let dueMs = driver.dueInMs();
    if (driver.isAtEnd || driver.isBusy || !driver.hasCredit) return dueMs;
    const nowMs = this.#context.ports.clock.monotonicMs();
    if (this.#owesWatermark) dueMs = Math.min(dueMs, this.#watermarkDelayMs(nowMs));
    if (!this.#isHeld) dueMs = Math.min(dueMs, this.#time.dueInMs(nowMs));
    dueMs = Math.min(dueMs, this.#time.alignmentDueInMs(this.#open));
    for (const split of this.#open) {
      if (this.#time.isAhead(split)) continue;
      dueMs = Math.min(dueMs, split.restMs(nowMs));
      if (split.state === ReadState.Loaded || split.state === ReadState.Quiet)
        dueMs = Math.min(dueMs, this.#rate.waitMs(nowMs));
    }
    return dueMs;
  }

  triggerCheckpoint(): void {
    // Barriers start at the enumerators.
  }

  checkpointCompleted(checkpointId: number): void {
    this.driver.checkpointCompleted(checkpointId);
  }

  checkpointAborted(checkpointId: number): void {
    this.#aligner.abort(checkpointId);
    this.driver.checkpointAborted(checkpointId);
  }

  commit(checkpointId: number): Promise<void> {
    return this.driver.chain.commit(checkpointId);
  }

  metrics(shares: { readonly busyShare: number; readonly backPressuredShare: number }): SubtaskMetrics {
    let inputRead = this.#weightFinished;
    for (const split of this.#splits) inputRead += split.weightRead;
    const nowMs = this.#context.ports.clock.monotonicMs();
    const alignment = this.#time.alignmentReport(this.#open, { nowMs, isAtEnd: this.driver.isAtEnd });
    const metrics = this.driver.metrics({ ...shares, inputRead, watermarkSplit: this.#time.holdingSplitId });
    return alignment === undefined ? metrics : { ...metrics, alignment };
  }

  alignWatermarks(limitsMs: Readonly<Record<string, number | null>>): void {
    this.#time.align(limitsMs);
  }

  async close(): Promise<void> {
    const closings: Promise<void>[] = this.#splits.map((split) => split.close());
    if (this.#driver !== undefined) closings.push(this.#driver.chain.close());
    await Promise.all(closings);
  }

  #onControl(element: ChannelElement): void {
    switch (element.kind) {
      case ElementKind.Assignment:
        this.#hasRequested = false;
        this.#add({
          ...element.split,
          split: element.split.split as Split,
          eventTimeMaxMs: -Infinity,
          weightRead: 0,
        });
        return;
      case ElementKind.NoMoreSplits:
        this.#hasRequested = false;
        this.#hasAllSplits = true;
        return;
      case ElementKind.Barrier:
        this.#onBarrier(element);
        return;
      case ElementKind.EndOfInput:
        return; // The enumerator's; ours comes when the splits are read.
      default:
        throw new MillraceError(
          'MR_PROTOCOL',
          `Cannot take an element of kind ${element.kind} on an assignment channel`,
        );
    }
  }

  /** One channel, so that there is nothing to wait for; but a checkpoint that was aborted meanwhile is left out. */
  #onBarrier(barrier: BarrierElement): void {
    const step = this.#aligner.onBarrier(0, barrier.checkpointId, 0);
    if (step !== AlignmentStep.Aligned) return;
    // The barrier may be here before the JobManager's message, and files of the checkpoint before may be gone.
    this.checkpointCompleted(barrier.completedCheckpointId);
    const { driver } = this;
    if (barrier.mode === 'drain' && !driver.isAtEnd) driver.endInput(() => driver.takeCheckpoint(barrier, 0));
    else driver.takeCheckpoint(barrier, 0);
  }

  #add(start: SplitState): void {
    const { operator, context } = this.#options;
    const split = new SplitProgress({
      source: operator.source,
      splitContext: () => this.#splitContext(),
      start,
      mailbox: context.mailbox,
      monotonicMs: () => context.ports.clock.monotonicMs(),
      fail: (error) => context.fail(error, this.executionAttemptId),
    });
    this.#splits.push(split);
    this.#splits.sort((a, b) => a.ordinal - b.ordinal);
    this.#chooseOpen();
  }

  #splitContext(): SplitContext {
    const { connectorContext } = this.#options;
    const fields = this.driver.chain.sourceFields;
    return fields === undefined ? connectorContext : { ...connectorContext, fields };
  }

  #chooseOpen(): void {
    this.#open = this.#isBounded ? this.#splits.slice(0, 1) : this.#splits;
    this.#nextSplit = 0;
  }

  #readOnce(): Progress {
    this.#requestSplit();
    const nowMs = this.#context.ports.clock.monotonicMs();
    const allowance = this.#rate.allowance(nowMs);
    const recordsMax = Math.min(this.#pace.recordsMax, allowance);
    for (let step = 0; step < this.#open.length; step++) {
      const split = this.#open[this.#nextSplit];
      this.#nextSplit = this.#nextSplit + 1 >= this.#open.length ? 0 : this.#nextSplit + 1;
      if (split === undefined || this.#time.isAhead(split)) continue;
      if (split.state !== ReadState.Loaded) split.advance(recordsMax);
      if (split.state === ReadState.Exhausted) {
        this.#finish(split);
        return Progress.Made;
      }
      if (split.state !== ReadState.Loaded || recordsMax === 0) continue;
      this.#process(split, recordsMax, nowMs);
      return Progress.Made;
    }
    return this.#pause(nowMs);
  }

  #process(split: SplitProgress, recordsMax: number, nowMs: number): void {
    const batch = split.take(recordsMax);
    if (batch === undefined) return;
    const { driver } = this;
    driver.setIdle(false);
    driver.processSource(batch, split.id, (eventTimeMaxMs) =>
      this.#processed(split, batch, { eventTimeMaxMs, nowMs }),
    );
  }

  #processed(
    split: SplitProgress,
    batch: SourceBatch<unknown>,
    at: { readonly eventTimeMaxMs: number; readonly nowMs: number },
  ): void {
    const { eventTimeMaxMs, nowMs } = at;
    split.processed(batch);
    this.#owesWatermark = true;
    if (eventTimeMaxMs > split.eventTimeMaxMs) split.eventTimeMaxMs = eventTimeMaxMs;
    const rowCount = rowCountOf(batch);
    this.#rate.spend(rowCount);
    const endMs = this.#context.ports.clock.monotonicMs();
    this.#pace.onBatch(rowCount, endMs - nowMs);
    if (this.#watermarkDelayMs(endMs) === 0) this.#sendWatermark(endMs);
  }

  /** Nothing can be read now: says what it knows of time, and whether there is more at all. */
  #pause(nowMs: number): Progress {
    const { driver } = this;
    if (this.#hasAllSplits && this.#splits.length === 0) {
      driver.endInput();
      return Progress.Made;
    }
    const isSoon = this.expectsInput && this.#watermarkDelayMs(nowMs) > 0;
    if (!isSoon && this.#sendWatermark(nowMs)) return Progress.Made;
    if (!this.#isBounded && this.#open.length > 0)
      driver.setIdle(!this.#time.isByClock && this.#open.every((split) => this.#time.isIdle(split, nowMs)));
    return Progress.Idle;
  }

  /** Milliseconds until a watermark may be sent while there is input. */
  #watermarkDelayMs(nowMs: number): number {
    return Math.max(0, this.#watermarkSentMs + WATERMARK_INTERVAL_MS - nowMs);
  }

  /** A split that is still to come, or to be read after this one, may have earlier records. */
  get #isHeld(): boolean {
    if (this.#time.isByClock) return false;
    if (!this.#isBounded) return !this.#hasAllSplits;
    return !this.#options.operator.source.isOrdered && (!this.#hasAllSplits || this.#splits.length > 1);
  }

  #sendWatermark(nowMs: number): boolean {
    this.#owesWatermark = false;
    if (this.#isHeld) return false;
    if (!this.#time.update(this.#open, nowMs)) return false;
    this.#watermarkSentMs = nowMs;
    this.driver.advanceWatermark(this.#time.watermarkMs, this.#time.holdingSplitId);
    return true;
  }

  #finish(split: SplitProgress): void {
    this.#sendWatermark(this.#context.ports.clock.monotonicMs());
    this.#weightFinished += split.weight;
    this.#splits = this.#splits.filter((other) => other !== split);
    this.driver.chain.forgetSplit(split.id);
    this.#chooseOpen();
    this.#context.mailbox.await(
      split.close(),
      () => {},
      (error) => this.#context.fail(error, this.executionAttemptId),
    );
  }

  /** Bounded: a split at a time. Unbounded: until the enumerator has no more for this reader. */
  #requestSplit(): void {
    if (this.#hasRequested || this.#hasAllSplits || (this.#isBounded && this.#splits.length > 0)) return;
    this.#hasRequested = true;
    this.#options.channel.requestSplit();
  }
}
