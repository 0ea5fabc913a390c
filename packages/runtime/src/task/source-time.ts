// [HOT] Event time of one reader: which of its splits count, how far it has come, and how far it may run ahead of other sources.
import type { WatermarkSpec, WatermarkTiming } from '@millrace/api';
import type { AlignmentReport } from '@millrace/proto';
import type { OperatorChain } from '../chain/operator-chain.ts';
import { SourceWatermark } from './source-watermark.ts';
import type { SplitProgress } from './split-progress.ts';

/** Splits of an unbounded source that have had nothing to give for this long do not hold the watermark back, ms. */
const IDLE_AFTER_MS_DEFAULT = 30_000;
/** A reader that waits for others shows itself this often, ms: whoever says how far it may go then knows what it was told. */
const ALIGNMENT_LOOK_MS = 1_000;

export interface SourceTimeOptions {
  /** undefined: the source gives no watermarks. */
  readonly watermarks: WatermarkSpec | undefined;
  readonly isBounded: boolean;
  /** Nothing at or below it is given again. */
  readonly startMs: number;
  readonly chain: () => Pick<OperatorChain, 'eventTimeIntervalMs' | 'tickEventTime'>;
}

/** Units: ms. Threading: the slot's thread. */
export class SourceTime {
  readonly #options: SourceTimeOptions;
  readonly #watermark: SourceWatermark;
  readonly #idleAfterMs: number;
  readonly #alignment: { readonly group: string; readonly maxDriftMs: number } | undefined;
  /** Splits beyond it wait; until it is told the first time each reads its first batch. */
  #limitMs: number;
  #alignedMs = -Infinity;
  #tickedMs = -Infinity;

  constructor(options: SourceTimeOptions) {
    const { watermarks, startMs } = options;
    this.#options = options;
    this.#watermark = new SourceWatermark({ boundMs: boundOf(watermarks), startMs });
    const timing: WatermarkTiming = watermarks === undefined || watermarks.kind === 'none' ? {} : watermarks;
    const { idleAfterMs = IDLE_AFTER_MS_DEFAULT, alignment } = timing;
    this.#idleAfterMs = idleAfterMs ?? Infinity;
    this.#alignment = alignment;
    this.#limitMs = alignment === undefined ? Infinity : -Infinity;
  }

  get watermarkMs(): number {
    return this.#watermark.currentMs;
  }

  /** Split that holds the watermark back; '': none does, or it is not known. */
  get holdingSplitId(): string {
    return this.#watermark.holdingSplitId;
  }

  /** Its records' time is that of their reading: no record that is still to come is earlier. */
  get isByClock(): boolean {
    return this.#options.watermarks?.kind === 'ingestion';
  }

  isIdle(split: SplitProgress, nowMs: number): boolean {
    return split.emptyForMs(nowMs) >= this.#idleAfterMs;
  }

  /** Takes the open splits as they are now; returns true when the watermark advanced. */
  update(open: readonly SplitProgress[], nowMs: number): boolean {
    const isTicking = nowMs - this.#tickedMs >= this.#options.chain().eventTimeIntervalMs;
    if (isTicking) this.#tickedMs = nowMs;
    if (this.isByClock) return this.#watermark.advanceTo(this.#options.chain().tickEventTime(''));
    const counted = this.#counted(open, nowMs);
    if (isTicking) for (const split of counted) this.#tick(split);
    return this.#watermark.update(counted);
  }

  /** Milliseconds until time may go on without a record. */
  dueInMs(nowMs: number): number {
    const { eventTimeIntervalMs } = this.#options.chain();
    return eventTimeIntervalMs === Infinity
      ? Infinity
      : Math.max(0, this.#tickedMs + eventTimeIntervalMs - nowMs);
  }

  #tick(split: SplitProgress): void {
    const tickedMs = this.#options.chain().tickEventTime(split.id);
    if (tickedMs > split.eventTimeMaxMs) split.eventTimeMaxMs = tickedMs;
  }

  #counted(open: readonly SplitProgress[], nowMs: number): readonly SplitProgress[] {
    return this.#options.isBounded ? open : open.filter((split) => !this.isIdle(split, nowMs));
  }

  /** The split is too far ahead of other sources of its group to be read now. */
  isAhead(split: SplitProgress): boolean {
    return this.#limitMs < Infinity && this.#watermark.ofSplit(split) > this.#limitMs;
  }

  /** Milliseconds until a reader with a split that is ahead shows itself. */
  alignmentDueInMs(open: readonly SplitProgress[]): number {
    return this.#alignment !== undefined && open.some((split) => this.isAhead(split))
      ? ALIGNMENT_LOOK_MS
      : Infinity;
  }

  /** How far splits may go, by group; null: as far as they like. */
  align(limitsMs: Readonly<Record<string, number | null>>): void {
    const limitMs = this.#alignment === undefined ? undefined : limitsMs[this.#alignment.group];
    if (limitMs !== undefined) this.#limitMs = limitMs ?? Infinity;
  }

  /** What the group needs to know of this reader; undefined: it is in none. Its watermark is that of what it reads, sent on or not. */
  alignmentReport(
    open: readonly SplitProgress[],
    at: { readonly nowMs: number; readonly isAtEnd: boolean },
  ): AlignmentReport | undefined {
    if (this.#alignment === undefined) return undefined;
    const counted = this.#counted(open, at.nowMs);
    const isIdle = open.length > 0 && counted.length === 0;
    if (counted.length > 0)
      this.#alignedMs = Math.min(...counted.map((split) => this.#watermark.ofSplit(split)));
    return {
      group: this.#alignment.group,
      watermarkMs: Number.isFinite(this.#alignedMs) ? this.#alignedMs : null,
      isCounted: !at.isAtEnd && !isIdle,
      isWaiting: open.some((split) => this.isAhead(split)),
      limitMs: this.#limitMs === -Infinity ? null : Math.min(this.#limitMs, Number.MAX_SAFE_INTEGER),
    };
  }
}

/** Of the other strategies greatest event times are such that the bound is 0. */
function boundOf(watermarks: WatermarkSpec | undefined): number | undefined {
  if (watermarks === undefined || watermarks.kind === 'none') return undefined;
  return watermarks.kind === 'bounded' ? watermarks.boundMs : 0;
}
