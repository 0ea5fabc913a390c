// [HOT] The task of a vertex that takes records from other vertices.
import { MillraceError, unreachable } from '@millrace/common';
import type { ExecutionAttemptId } from '@millrace/common';
import type { SubtaskMetrics } from '@millrace/proto';
import { AlignmentStep, BarrierAligner } from '../channel/barrier-aligner.ts';
import { ElementKind, type BarrierElement, type ChannelElement } from '../channel/channel-element.ts';
import type { InputChannel } from '../channel/input-channel.ts';
import { InputGate } from '../channel/input-gate.ts';
import { WatermarkValve } from '../channel/watermark-valve.ts';
import type { ChainDriver } from './chain-driver.ts';
import { Progress } from './progress.ts';
import type { TaskContext } from './task-context.ts';
import type { Task } from './task.ts';

export interface StreamTaskOptions {
  readonly context: TaskContext;
  readonly driver: ChainDriver;
  readonly channels: readonly InputChannel[];
}

/** An operator task: polls its gate, gives batches to the chain, acts on control events. */
export class StreamTask implements Task {
  readonly executionAttemptId: ExecutionAttemptId;
  readonly expectsInput: boolean = false;
  readonly isReader: boolean = false;
  readonly #context: TaskContext;
  readonly #driver: ChainDriver;
  readonly #aligner: BarrierAligner;
  readonly #gate: InputGate;
  readonly #valve: WatermarkValve;

  constructor(options: StreamTaskOptions) {
    this.#context = options.context;
    this.#driver = options.driver;
    this.executionAttemptId = options.context.subtask.executionAttemptId;
    const isBlocking = options.context.deployment.options.checkpointMode !== 'at-least-once';
    this.#aligner = new BarrierAligner(options.channels.length, isBlocking);
    this.#gate = new InputGate(options.channels, this.#aligner);
    this.#valve = new WatermarkValve(options.channels.length, options.driver.watermarkMs);
  }

  get hasPendingOutput(): boolean {
    return this.#driver.hasPendingOutput;
  }

  runOnce(): Progress {
    const progress = this.#driver.prepare();
    if (progress === Progress.Blocked)
      return this.#driver.isBusy || this.#gate.hasInput ? progress : Progress.Idle;
    if (progress !== undefined) return progress;
    const { isFull } = this.#driver;
    const element = this.#gate.poll(!isFull);
    if (element === undefined) {
      this.#driver.sendOwnWatermark();
      return isFull && this.#gate.hasInput ? Progress.Blocked : Progress.Idle;
    }
    this.#process(element);
    return Progress.Made;
  }

  flush(): void {
    this.#driver.flush();
  }

  dueInMs(): number {
    return this.#driver.dueInMs();
  }

  triggerCheckpoint(): void {
    // Barriers start at the enumerators.
  }

  checkpointCompleted(checkpointId: number): void {
    this.#driver.checkpointCompleted(checkpointId);
  }

  checkpointAborted(checkpointId: number): void {
    this.#aligner.abort(checkpointId);
    this.#driver.checkpointAborted(checkpointId);
  }

  commit(checkpointId: number): Promise<void> {
    return this.#driver.chain.commit(checkpointId);
  }

  metrics(shares: { readonly busyShare: number; readonly backPressuredShare: number }): SubtaskMetrics {
    return this.#driver.metrics({ ...shares, inputRead: 0, watermarkSplit: this.#valve.holdingSplitId });
  }

  close(): Promise<void> {
    return this.#driver.chain.close();
  }

  #process(element: ChannelElement): void {
    const channelIndex = this.#gate.lastChannelIndex;
    switch (element.kind) {
      case ElementKind.Batch:
        this.#driver.processBatch(this.#gate.lastInputIndex, element.batch, channelIndex);
        return;
      case ElementKind.Watermark:
        if (this.#valve.onWatermark(channelIndex, element.timestampMs, element.splitId)) this.#advance();
        return;
      case ElementKind.Barrier:
        this.#onBarrier(channelIndex, element);
        return;
      case ElementKind.Status:
        this.#onTimeChanged(this.#valve.onStatus(channelIndex, element.isIdle));
        return;
      case ElementKind.EndOfInput:
        this.#onEndOfInput(channelIndex);
        return;
      case ElementKind.Assignment:
      case ElementKind.NoMoreSplits:
        throw new MillraceError(
          'MR_PROTOCOL',
          `Cannot take a split: subtask "${this.executionAttemptId}" reads no source`,
        );
      default:
        unreachable(element);
    }
  }

  #onEndOfInput(channelIndex: number): void {
    const isAdvanced = this.#valve.onEndOfInput(channelIndex);
    if (this.#valve.isFinished) this.#driver.endInput();
    else this.#onTimeChanged(isAdvanced);
  }

  #onTimeChanged(isAdvanced: boolean): void {
    this.#driver.setIdle(this.#valve.isIdle);
    if (isAdvanced) this.#advance();
  }

  #advance(): void {
    this.#driver.advanceWatermark(this.#valve.currentMs, this.#valve.holdingSplitId);
  }

  #onBarrier(channelIndex: number, barrier: BarrierElement): void {
    const step = this.#aligner.onBarrier(
      channelIndex,
      barrier.checkpointId,
      this.#context.ports.clock.monotonicMs(),
    );
    if (step !== AlignmentStep.Aligned) return;
    // The barrier may be here before the JobManager's message, and files of the checkpoint before may be gone.
    this.checkpointCompleted(barrier.completedCheckpointId);
    this.#driver.takeCheckpoint(barrier, this.#aligner.lastAlignmentMs);
  }
}
