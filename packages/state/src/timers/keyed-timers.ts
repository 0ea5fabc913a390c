// The timer queue that operators see: a heap a domain, and the current key.
import { MillraceError } from '@millrace/common';
import type { TimerDomain, TimerQueue } from '../keyed-state-backend.ts';
import type { PairTable } from '../table/pair-table.ts';
import type { CurrentKey } from '../user-state/current-key.ts';
import { TimerHeap } from './timer-heap.ts';

/** Event-time and processing-time timers of one operator. */
export class KeyedTimers implements TimerQueue {
  readonly #eventTable: PairTable;
  readonly #processingTable: PairTable;
  readonly #event: TimerHeap;
  readonly #processing: TimerHeap;
  readonly #current: CurrentKey;

  constructor(tables: { readonly event: PairTable; readonly processing: PairTable }, current: CurrentKey) {
    this.#eventTable = tables.event;
    this.#processingTable = tables.processing;
    this.#event = new TimerHeap(tables.event);
    this.#processing = new TimerHeap(tables.processing);
    this.#current = current;
  }

  /** Takes in what a snapshot restored into the tables. */
  rebuild(): void {
    this.#event.rebuild();
    this.#processing.rebuild();
  }

  /** @throws {MillraceError} MR_OPTION_INVALID for a time that is no finite number */
  register(domain: TimerDomain, timestampMs: number): void {
    if (!Number.isFinite(timestampMs)) {
      throw new MillraceError(
        'MR_OPTION_INVALID',
        `Cannot register a timer: its time is ${String(timestampMs)}, not a finite number`,
      );
    }
    this.#heapOf(domain).register(this.#current.key, this.#current.hash, timestampMs);
  }

  unregister(domain: TimerDomain, timestampMs: number): void {
    this.#heapOf(domain).unregister(this.#current.key, this.#current.hash, timestampMs);
  }

  earliest(domain: TimerDomain): number {
    return this.#heapOf(domain).earliest();
  }

  pollDue(domain: TimerDomain, nowMs: number): number | undefined {
    const heap = this.#heapOf(domain);
    const timestampMs = heap.earliest();
    if (!(timestampMs <= nowMs) || timestampMs === Infinity) return undefined;
    const row = heap.earliestRow();
    const { rows } = domain === 'event' ? this.#eventTable : this.#processingTable;
    this.#current.key = rows.keys.get(row);
    this.#current.hash = rows.hashes[row] as number;
    heap.remove(row);
    return timestampMs;
  }

  #heapOf(domain: TimerDomain): TimerHeap {
    return domain === 'event' ? this.#event : this.#processing;
  }
}
