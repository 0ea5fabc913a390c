// Where the batch at hand came from. Noted once a batch, read only when something fails.
import type { SourceBatch } from '@millrace/api';

/** An input of the vertex, for people. */
export interface OriginChannel {
  readonly producerName: string;
  readonly producerSubtask: number;
}

const POSITION_TEXT_CHARS_MAX = 200;

/** Says where a record is in the input. Threading: the task's thread. */
export class RecordOrigin {
  /** Row of the batch that a function is called with, where a generated loop notes it; -1: unknown. */
  row = -1;
  /** Counts batches: what is noted once a batch compares it. */
  batchCount = 0;
  readonly #channels: readonly OriginChannel[];
  #batch: SourceBatch<unknown> | undefined;
  #splitId = '';
  #channelIndex = -1;

  /** `channels` in the order of the gate. */
  constructor(channels: readonly OriginChannel[]) {
    this.#channels = channels;
  }

  /** A batch of a source. */
  atSource(batch: SourceBatch<unknown>, splitId: string): void {
    this.row = -1;
    this.batchCount++;
    this.#batch = batch;
    this.#splitId = splitId;
  }

  /** A batch of another vertex. */
  atChannel(channelIndex: number): void {
    this.row = -1;
    this.batchCount++;
    this.#channelIndex = channelIndex;
  }

  /** No batch: timers and windows. */
  atTime(): void {
    this.row = -1;
    this.#batch = undefined;
    this.#channelIndex = -1;
  }

  /** Position of a row of the batch at hand; -1: the one that was noted last. undefined: it has none. */
  positionOf(row: number): string | undefined {
    const known = row >= 0 ? row : this.row;
    if (known < 0) return undefined;
    if (this.#batch !== undefined) return this.#sourcePosition(this.#batch, known);
    if (this.#channelIndex < 0) return undefined;
    const channel = this.#channels[this.#channelIndex];
    const from =
      channel === undefined ? '' : ` from subtask ${channel.producerSubtask} of "${channel.producerName}"`;
    return `record ${known + 1} of a batch${from}`;
  }

  #sourcePosition(batch: SourceBatch<unknown>, row: number): string {
    const own = ownPosition(batch, row);
    if (own !== undefined) return own;
    if (batch.kind === 'indexed') return `record ${row} of split "${this.#splitId}"`;
    const end = JSON.stringify(batch.position).slice(0, POSITION_TEXT_CHARS_MAX);
    return `record ${row + 1} of the batch of split "${this.#splitId}" that ends at ${end}`;
  }
}

/** What the connector says; what it throws here must not hide why it was asked. */
function ownPosition(batch: SourceBatch<unknown>, row: number): string | undefined {
  try {
    return batch.positionOf?.(row);
  } catch {
    return undefined;
  }
}
