// [HOT] One split in one reader: opened when its turn comes, read one batch ahead where reading takes time.
import { classify, isMillraceError, MillraceError } from '@millrace/common';
import type { ConnectorContext, Source, SourceBatch, SplitReader } from '@millrace/api';
import type { Json } from '@millrace/proto';
import type { Mailbox } from './mailbox.ts';
import type { SplitState } from './source-state.ts';

/*
 * Unopened → Opening → Quiet ⇄ Reading → Loaded | Resting | Exhausted
 * Quiet: nothing is under way. Loaded: a batch waits. Resting: the source had nothing, asked again later.
 */
export const ReadState = {
  Unopened: 0,
  Opening: 1,
  Quiet: 2,
  Reading: 3,
  Loaded: 4,
  Resting: 5,
  Exhausted: 6,
} as const;
export type ReadState = (typeof ReadState)[keyof typeof ReadState];

/** Pause after a source had nothing to give, ms. */
const REST_MS = 10;

export interface SplitProgressOptions {
  readonly source: Source<unknown>;
  readonly connectorContext: ConnectorContext;
  readonly start: SplitState;
  readonly mailbox: Mailbox;
  readonly monotonicMs: () => number;
  readonly fail: (error: unknown) => void;
}

/**
 * A split being read.
 * Contract: `state` changes only in calls and in mails. After `take`, the caller processes the batch and then calls
 * `processed`; only then does the position move. One read is in flight at most. Threading: the slot's thread.
 */
export class SplitProgress {
  readonly #options: SplitProgressOptions;
  #state: ReadState = ReadState.Unopened;
  #reader: SplitReader<unknown> | undefined;
  #loaded: SourceBatch<unknown> | undefined;
  /** The reader gives promises, so that the next batch is asked for while this one is processed. */
  #readsAhead = false;
  #restUntilMs = 0;
  #emptySinceMs = NaN;
  #position: Json | undefined;
  #weightRead: number;
  eventTimeMaxMs: number;

  constructor(options: SplitProgressOptions) {
    this.#options = options;
    this.#position = options.start.position;
    this.#weightRead = options.start.weightRead;
    this.eventTimeMaxMs = options.start.eventTimeMaxMs;
  }

  get state(): ReadState {
    return this.#state;
  }

  get id(): string {
    return this.#options.start.split.id;
  }

  get ordinal(): number {
    return this.#options.start.ordinal;
  }

  get weightRead(): number {
    return this.#weightRead;
  }

  /** Weight of the whole split; what was read of it, when the source gives none. */
  get weight(): number {
    return this.#options.start.split.weight ?? this.#weightRead;
  }

  /** Something asynchronous is under way. */
  get isPending(): boolean {
    return this.#state === ReadState.Opening || this.#state === ReadState.Reading;
  }

  /** How long the source has had nothing to give, monotonic ms; 0 while it gives. */
  emptyForMs(nowMs: number): number {
    return Number.isNaN(this.#emptySinceMs) ? 0 : nowMs - this.#emptySinceMs;
  }

  /** Milliseconds until a resting split is asked again; Infinity when it does not rest. */
  restMs(nowMs: number): number {
    return this.#state === ReadState.Resting ? Math.max(0, this.#restUntilMs - nowMs) : Infinity;
  }

  /** Opens or reads if nothing is under way. Afterwards `state` may be Loaded or Exhausted, at once or later. */
  advance(recordsMax: number): void {
    if (this.#state === ReadState.Unopened) this.#open();
    if (this.#state === ReadState.Resting && this.#options.monotonicMs() >= this.#restUntilMs)
      this.#state = ReadState.Quiet;
    if (this.#state === ReadState.Quiet) this.#read(recordsMax);
  }

  /** Takes the batch that waits; where reading takes time, the next read begins now. */
  take(recordsMax: number): SourceBatch<unknown> | undefined {
    const batch = this.#loaded;
    if (batch === undefined) return undefined;
    this.#loaded = undefined;
    this.#state = ReadState.Quiet;
    if (this.#readsAhead) this.#read(recordsMax);
    return batch;
  }

  /** The records of a taken batch have gone through the chain. */
  processed(batch: SourceBatch<unknown>): void {
    this.#position = batch.position;
    if (batch.weightRead !== undefined) this.#weightRead = batch.weightRead;
  }

  snapshot(): SplitState {
    const { ordinal, split } = this.#options.start;
    const { eventTimeMaxMs } = this;
    const position = this.#position === undefined ? {} : { position: this.#position };
    return { ordinal, split, ...position, eventTimeMaxMs, weightRead: this.#weightRead };
  }

  async close(): Promise<void> {
    await this.#reader?.close?.();
  }

  #open(): void {
    const { source, start, connectorContext, mailbox, fail } = this.#options;
    this.#state = ReadState.Opening;
    try {
      const reader = source.openSplit(start.split, start.position, connectorContext);
      if (reader instanceof Promise)
        mailbox.await(
          reader,
          (value) => this.#onOpened(value),
          (error) => fail(this.#readError(error)),
        );
      else this.#onOpened(reader);
    } catch (error) {
      throw this.#readError(error);
    }
  }

  #onOpened(reader: SplitReader<unknown>): void {
    this.#reader = reader;
    this.#state = ReadState.Quiet;
  }

  #read(recordsMax: number): void {
    this.#state = ReadState.Reading;
    try {
      const batch = this.#reader?.read(recordsMax);
      if (batch instanceof Promise) {
        this.#readsAhead = true;
        const { mailbox, fail } = this.#options;
        mailbox.await(
          batch,
          (value) => this.#onRead(value),
          (error) => fail(this.#readError(error)),
        );
      } else this.#onRead(batch);
    } catch (error) {
      throw this.#readError(error);
    }
  }

  #onRead(batch: SourceBatch<unknown> | undefined): void {
    if (batch === undefined) {
      this.#state = ReadState.Exhausted;
      return;
    }
    if (rowCountOf(batch) > 0 || (batch.malformed?.length ?? 0) > 0) {
      this.#emptySinceMs = NaN;
      this.#loaded = batch;
      this.#state = ReadState.Loaded;
      return;
    }
    this.processed(batch);
    const nowMs = this.#options.monotonicMs();
    if (Number.isNaN(this.#emptySinceMs)) this.#emptySinceMs = nowMs;
    this.#restUntilMs = nowMs + REST_MS;
    this.#state = ReadState.Resting;
  }

  #readError(error: unknown): MillraceError {
    if (isMillraceError(error)) return error;
    const { source, start } = this.#options;
    return new MillraceError(
      'MR_SOURCE_READ',
      `Cannot read split "${start.split.id}" of "${source.name}": ${classify(error).message}`,
      {
        details: { splitId: start.split.id },
        cause: error,
      },
    );
  }
}

/** Records in a batch. */
export function rowCountOf(batch: SourceBatch<unknown>): number {
  switch (batch.kind) {
    case 'records':
      return batch.records.length;
    case 'columns':
      return batch.rowCount;
    case 'indexed':
      return batch.to - batch.from;
  }
}
