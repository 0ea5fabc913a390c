// OVER a range of processing time: rows of one millisecond see each other, so that they come out when it is over.
import { hashKey } from '@millrace/common';
import type { KeyedStateBackend, RowTable } from '@millrace/state';
import { cutLoose } from '../aggregate/cut-loose.ts';
import type { OperatorSetup } from '../operator-setup.ts';
import { changeableArray } from './own-cells.ts';
import type { OverFrames } from './over-frames.ts';
import { PeerRows } from './over-peers.ts';
import type { OverParts } from './over.ts';
import type { RowFunction, RowInput } from './row-operator.ts';

interface WaitingRow {
  readonly timeMs: number;
  readonly timestampMs: number;
  readonly row: unknown;
}

/** Source: Flink's ProcTimeRangeBoundedPrecedingFunction. At the end of input what waits comes out at once. */
export class OverProcessingRange implements RowFunction {
  readonly #setup: OperatorSetup;
  readonly #backend: KeyedStateBackend;
  readonly #frames: OverFrames;
  readonly #waiting: RowTable;
  readonly #precedingMs: number;
  readonly #peers: PeerRows;

  constructor({ setup, backend, spec }: OverParts, frames: OverFrames) {
    this.#setup = setup;
    this.#backend = backend;
    this.#frames = frames;
    this.#peers = new PeerRows(setup, frames);
    this.#precedingMs = spec.preceding;
    this.#waiting = backend.table({
      name: 'waiting',
      columns: ['value'],
      hasNamespaces: false,
      hasLists: true,
    });
  }

  onRow({ key, hash, row, timestampMs }: RowInput): void {
    const timeMs = this.#setup.environment.clock.nowMs();
    const at = this.#waiting.upsert(key, hash, 0);
    const rows = changeableArray<WaitingRow>(this.#waiting, 0, at);
    rows.push({ timeMs, timestampMs, row: cutLoose(row) });
    (this.#waiting.columns[0] as unknown[])[at] = rows;
    this.#waiting.markDirty(at);
    this.#backend.setCurrentKey(key, hash);
    this.#backend.timers.register('processing', timeMs + 1);
    this.#backend.timers.register('processing', timeMs + this.#precedingMs + 1);
  }

  advanceProcessingTime(nowMs: number): boolean {
    const { timers } = this.#backend;
    for (;;) {
      const dueMs = timers.pollDue('processing', nowMs);
      if (dueMs === undefined) return true;
      this.#release(this.#backend.currentKey, dueMs);
      this.#frames.forget(dueMs);
      if (this.#setup.emission.mustStop()) return false;
    }
  }

  nextProcessingTimeMs(): number {
    return this.#backend.timers.earliest('processing');
  }

  endInput(): boolean {
    return this.advanceProcessingTime(Infinity);
  }

  /** Rows that came before `dueMs`, millisecond by millisecond. */
  #release(key: unknown, dueMs: number): void {
    const hash = hashKey(key);
    const at = this.#waiting.find(key, hash, 0);
    if (at < 0) return;
    const rows = (this.#waiting.columns[0] as unknown[])[at] as readonly WaitingRow[];
    let from = 0;
    this.#frames.select(key, hash);
    try {
      while (from < rows.length && (rows[from] as WaitingRow).timeMs < dueMs) {
        const { timeMs, timestampMs } = rows[from] as WaitingRow;
        const peers: unknown[] = [];
        for (; from < rows.length && (rows[from] as WaitingRow).timeMs === timeMs; from++)
          peers.push((rows[from] as WaitingRow).row);
        if (peers.length === 1) this.#peers.addOne(peers[0], timeMs, timestampMs);
        else this.#peers.add(peers, timeMs, timestampMs);
      }
    } finally {
      this.#frames.close();
    }
    if (from === rows.length) this.#waiting.remove(key, hash, 0);
    else if (from > 0) {
      const left = this.#waiting.upsert(key, hash, 0);
      (this.#waiting.columns[0] as unknown[])[left] = rows.slice(from);
      this.#waiting.markDirty(left);
    }
  }

  freeze(): void {
    this.#frames.freeze();
  }
}
