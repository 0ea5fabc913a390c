// [HOT] One split in one reader: opened when its turn comes, read one batch ahead where reading takes time.
import { classify, isMillraceError, MillraceError } from '@millrace/common';
import type { Source, SourceBatch, SplitContext, SplitReader } from '@millrace/api';
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

/** Pause after a source had nothing to give, unless it says when it will have something, ms. */
const REST_MS = 10;
/** A read that has not been answered is looked at again after this time, ms. */
const LOOK_MS = 500;
/** When nobody has looked for longer (no credit, a long turn), nothing is known of that time: idleness begins anew, ms. */
const EMPTY_GAP_MS_MAX = 2 * LOOK_MS;

export interface SplitProgressOptions {
  readonly source: Source<unknown>;
  /** Asked for when the split is opened, since the chain that it names the fields of opens later than this. */
  readonly splitContext: () => SplitContext;
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
  /** Time in which the source was asked and had nothing, and when it was last seen so; NaN: it gave something. */
  #emptyMs = 0;
  #emptySeenMs = NaN;
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

  /** How long the source has been asked and had nothing, ms; 0 while it gives, and when nobody has asked of late. */
  emptyForMs(nowMs: number): number {
    return nowMs - this.#emptySeenMs <= EMPTY_GAP_MS_MAX ? this.#emptyMs : 0;
  }

  /** Milliseconds until a resting split is asked again, or a pending read looked at; Infinity: neither is to come. */
  restMs(nowMs: number): number {
    if (this.#state === ReadState.Resting) return Math.max(0, this.#restUntilMs - nowMs);
    if (this.#state === ReadState.Reading && this.#options.source.boundedness === 'unbounded')
      return Math.max(0, this.#emptySeenMs + LOOK_MS - nowMs);
    return Infinity;
  }

  /** Opens or reads if nothing is under way; looks at a read that is. With `recordsMax` 0 nothing is read. Afterwards `state` may be Loaded or Exhausted, at once or later. */
  advance(recordsMax: number): void {
    if (this.#state === ReadState.Unopened) this.#open();
    if (this.#state === ReadState.Resting && this.#options.monotonicMs() >= this.#restUntilMs)
      this.#state = ReadState.Quiet;
    if (this.#state === ReadState.Quiet && recordsMax > 0) this.#read(recordsMax);
    else if (this.#state === ReadState.Reading) this.#seeEmpty(this.#options.monotonicMs());
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
    const { source, start, splitContext, mailbox, fail } = this.#options;
    this.#state = ReadState.Opening;
    try {
      const reader = source.openSplit(start.split, start.position, splitContext());
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
        this.#seeEmpty(this.#options.monotonicMs());
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
      this.#emptySeenMs = NaN;
      this.#loaded = batch;
      this.#state = ReadState.Loaded;
      return;
    }
    this.processed(batch);
    const nowMs = this.#options.monotonicMs();
    this.#seeEmpty(nowMs);
    this.#restUntilMs = nowMs + (batch.restMs ?? REST_MS);
    this.#state = ReadState.Resting;
  }

  /** The source was asked and has nothing: the time since it was last seen so counts, if that was just now. */
  #seeEmpty(nowMs: number): void {
    const gapMs = nowMs - this.#emptySeenMs;
    this.#emptyMs = gapMs <= EMPTY_GAP_MS_MAX ? this.#emptyMs + gapMs : 0;
    this.#emptySeenMs = nowMs;
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
    case 'computed':
      return batch.to - batch.from;
  }
}
