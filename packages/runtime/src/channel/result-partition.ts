// [HOT] One outgoing edge of a subtask: gathers records into batches per consumer, keeps control events in order behind them.
import {
  createBatchBuilder,
  type BatchBuilder,
  type FieldAppender,
  type JobEdge,
  type RecordBatch,
} from '@millrace/proto';
import type { ChainOutput } from '../chain/operator-chain.ts';
import { ElementKind, type ControlElement, type WatermarkElement } from './channel-element.ts';
import type { OutputChannel } from './output-channel.ts';

export interface ResultPartitionOptions {
  readonly edge: JobEdge;
  readonly channels: readonly OutputChannel[];
  readonly codegenId: string;
}

/**
 * Batches of a channel that may wait for credit before the chain has to stop between two rows of the batch at hand: some
 * 8 MiB, unless single records are larger than a batch should be.
 */
export const OVERDRAFT_BATCHES_MAX = 32;

/**
 * Output of one subtask over one edge.
 * Contract: `append` never refuses; look at `hasCredit` between batches. Threading: the task's thread only.
 */
export class ResultPartition implements ChainOutput {
  readonly edge: JobEdge;
  readonly channelCount: number;
  readonly #channels: readonly OutputChannel[];
  readonly #builder: BatchBuilder;
  /** It must not overtake rows that wait in the chain. */
  #held: WatermarkElement | undefined = undefined;
  /** Called when OVERDRAFT_BATCHES_MAX batches wait: the element at hand gives much more than it is. */
  onOverdraft: () => void = () => {};

  constructor(options: ResultPartitionOptions) {
    this.edge = options.edge;
    this.#channels = options.channels;
    this.channelCount = options.channels.length;
    this.#builder = createBatchBuilder({
      codegenId: options.codegenId,
      targetCount: options.channels.length,
      isKeyed: options.edge.partitioning === 'hash',
      onBatch: (target, batch) => this.#onBatch(target, batch),
    });
  }

  /** True when all consumers can take a batch. */
  get hasCredit(): boolean {
    for (let index = 0; index < this.#channels.length; index++) {
      if (this.#channels[index]?.hasCredit !== true) return false;
    }
    return true;
  }

  /** Rows gathered and not yet in a finished batch. */
  get pendingRows(): number {
    return this.#builder.pendingRows;
  }

  /** Encoded bytes sent to other slots. */
  get sentBytes(): number {
    let bytes = 0;
    for (const channel of this.#channels) bytes += channel.sentBytes;
    return bytes;
  }

  append(channel: number, record: unknown, timestampMs: number, keyHash: number): void {
    this.#builder.append(channel, record, timestampMs, keyHash);
  }

  fieldAppender(names: readonly string[]): FieldAppender {
    return this.#builder.fieldAppender(names);
  }

  /** Finishes the batches begun. */
  flush(): void {
    if (this.#builder.pendingRows > 0) this.#builder.flushAll();
  }

  /** Keeps a watermark until `releaseWatermark`, or until another event follows it. The newest one is enough. */
  holdWatermark(watermark: WatermarkElement): void {
    this.#held = watermark;
  }

  releaseWatermark(): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    this.broadcast(held);
  }

  /** Sends a control event to every consumer, behind all records appended so far. */
  broadcast(element: ControlElement): void {
    if (element.kind === ElementKind.Watermark) this.#held = undefined;
    else this.releaseWatermark();
    this.flush();
    for (let index = 0; index < this.#channels.length; index++) this.#channels[index]?.sendControl(element);
  }

  #onBatch(target: number, batch: RecordBatch): void {
    const channel = this.#channels[target];
    if (channel === undefined) return;
    channel.sendBatch(batch);
    if (channel.waitingCount >= OVERDRAFT_BATCHES_MAX) this.onOverdraft();
  }
}
