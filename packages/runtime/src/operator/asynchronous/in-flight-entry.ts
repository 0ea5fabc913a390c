// [HOT] A record in flight, from its arrival until its result has left.

import type { Segment } from './in-flight-queue.ts';

/** What has become of a record in flight. */
export const EntryState = {
  /** No call has begun: there was no room, or it was restored. */
  Waiting: 0,
  /** A call is under way, or the next one waits for its time. */
  Called: 1,
  Done: 2,
  Failed: 3,
} as const;
export type EntryState = (typeof EntryState)[keyof typeof EntryState];

/** One record in flight. Its links are the queue's business. */
export class InFlightEntry<C = unknown> {
  readonly record: unknown;
  readonly timestampMs: number;
  readonly key: unknown;
  readonly keyHash: number;
  state: EntryState = EntryState.Waiting;
  /** What was answered, or the error. */
  result: unknown = undefined;
  /** The call whose answer counts; undefined: none. */
  call: C | undefined = undefined;
  attempt = 0;
  /** Monotonic. */
  deadlineMs = Infinity;
  /** When it is to be called again, monotonic; Infinity: a call is under way. */
  retryAtMs = Infinity;
  previous: InFlightEntry<C> | undefined = undefined;
  next: InFlightEntry<C> | undefined = undefined;
  /** The record of the same key that came after it, where their order is kept. */
  successor: InFlightEntry<C> | undefined = undefined;
  /** Of `NewestByKey`. */
  chained: InFlightEntry<C> | undefined = undefined;
  /** One of the same key is before it. */
  isBehind = false;
  /** What it is in: between which watermarks. */
  segment: Segment<C> | undefined = undefined;

  constructor(record: unknown, timestampMs: number, key: unknown, keyHash: number) {
    this.record = record;
    this.timestampMs = timestampMs;
    this.key = key;
    this.keyHash = keyHash;
  }
}
