// [HOT] How far event time has come in one vertex, by the records that went through and, where the strategy looks at it, by the clock.
import { MillraceError, type Clock } from '@millrace/common';
import type { WatermarkGeneratorSpec, WatermarkSpec } from '@millrace/api';
import { lineOf } from '../chain/text-of.ts';

export interface EventTimeTrackerOptions {
  readonly watermarks: WatermarkSpec;
  readonly clock: Clock;
  /** Nothing at or below it is given as ingestion time. */
  readonly restoredWatermarkMs: number;
  /** Counts records that are too far ahead of the clock. */
  readonly metrics: { recordsAhead: number };
  /** Gives what a generator throws, or wrongly returns, its place. */
  readonly wrap: (error: unknown) => MillraceError;
}

/**
 * Event time of the vertex whose strategy this is.
 * Contract: the watermark is `maxMs − boundMs − 1`, whatever the strategy: of ingestion time `maxMs` is the last stamp, of a generator one
 * more than its watermark. The loop calls `beginBatch` first; it raises `maxMs` itself, or by `onRecord`. Units: ms. Threading: one thread.
 */
export class EventTimeTracker {
  readonly watermarks: WatermarkSpec;
  readonly boundMs: number;
  /** How often `tick` is wanted; Infinity: only records move event time. */
  readonly intervalMs: number;
  maxMs = -Infinity;
  /** Event time of the records of the batch at hand, where it is that of their reading. */
  stampMs: number;
  /** Records later than this are too far ahead. */
  aheadLimitMs = Infinity;
  readonly #clock: Clock;
  readonly #metrics: EventTimeTrackerOptions['metrics'];
  readonly #wrap: EventTimeTrackerOptions['wrap'];
  /** By split; an operator behind a source has one, of the split ''. */
  readonly #generators = new Map<string, WatermarkGeneratorSpec>();
  #generator: WatermarkGeneratorSpec | undefined;

  constructor(options: EventTimeTrackerOptions) {
    const { watermarks } = options;
    this.watermarks = watermarks;
    this.boundMs = watermarks.kind === 'bounded' ? watermarks.boundMs : 0;
    this.intervalMs = intervalOf(watermarks);
    this.stampMs = options.restoredWatermarkMs + 1;
    this.#clock = options.clock;
    this.#metrics = options.metrics;
    this.#wrap = options.wrap;
  }

  /** A batch of this split follows. */
  beginBatch(splitId: string): void {
    const { watermarks } = this;
    if (watermarks.kind === 'none') return;
    if (watermarks.kind === 'custom') this.#generator = this.#generatorOf(splitId);
    if (watermarks.kind === 'ingestion') this.#stamp();
    else if (watermarks.ahead !== undefined) this.aheadLimitMs = this.#clock.nowMs() + watermarks.ahead.maxMs;
  }

  /** A record of a strategy with a generator. */
  onRecord(record: unknown, timestampMs: number): void {
    this.#take(this.#generator?.onRecord(record as never, timestampMs));
  }

  /** A record beyond `aheadLimitMs` goes on without moving event time. */
  countAhead(): void {
    this.#metrics.recordsAhead++;
  }

  /** @throws {MillraceError} MR_EVENT_TIME_AHEAD */
  refuseAhead(timestampMs: number): void {
    const limitMs = this.aheadLimitMs;
    throw new MillraceError(
      'MR_EVENT_TIME_AHEAD',
      `Cannot take a record with event time ${isoOrNumber(timestampMs)}: at most ${isoOrNumber(limitMs)} is taken now, by \`maxAhead\` of its watermarks`,
      { details: { timestampMs, limitMs } },
    );
  }

  /** Lets event time go on without a record; returns what `maxMs` the split comes to by it, NaN: none. */
  tick(splitId: string): number {
    const before = this.maxMs;
    this.maxMs = -Infinity;
    if (this.watermarks.kind === 'ingestion') {
      this.#stamp();
      this.maxMs = this.stampMs;
    } else if (this.watermarks.kind === 'custom') this.#tickGenerator(this.#generatorOf(splitId));
    const ticked = this.maxMs;
    this.maxMs = Math.max(before, ticked);
    return ticked === -Infinity ? NaN : ticked;
  }

  /** The split has been read to its end. */
  forget(splitId: string): void {
    this.#generators.delete(splitId);
  }

  #tickGenerator(generator: WatermarkGeneratorSpec): void {
    if (generator.onPeriodic === undefined) return;
    try {
      this.#take(generator.onPeriodic(this.#clock.nowMs()));
    } catch (error) {
      throw this.#wrap(error);
    }
  }

  /** The clock may be set back; event time is not. */
  #stamp(): void {
    this.stampMs = Math.max(this.stampMs, this.#clock.nowMs());
  }

  #take(watermarkMs: unknown): void {
    if (watermarkMs === undefined || watermarkMs === null) return;
    if (typeof watermarkMs !== 'number' || !Number.isFinite(watermarkMs)) {
      throw new MillraceError(
        'MR_USER_FUNCTION',
        `A watermark generator returned ${lineOf(watermarkMs, 100)}: return milliseconds since the epoch, or undefined for no watermark`,
      );
    }
    if (watermarkMs + 1 > this.maxMs) this.maxMs = watermarkMs + 1;
  }

  #generatorOf(splitId: string): WatermarkGeneratorSpec {
    const known = this.#generators.get(splitId);
    if (known !== undefined) return known;
    const { watermarks } = this;
    if (watermarks.kind !== 'custom')
      throw new MillraceError('MR_INTERNAL', 'Invariant violated: no generator');
    try {
      const made = watermarks.generator();
      if (typeof made?.onRecord !== 'function')
        throw new TypeError(
          `it returned ${lineOf(made, 100)}: return an object with onRecord(record, timestampMs)`,
        );
      this.#generators.set(splitId, made);
      return made;
    } catch (error) {
      throw this.#wrap(error);
    }
  }
}

/** How often ingestion time goes on without records, ms. */
const INGESTION_INTERVAL_MS = 200;

function intervalOf(watermarks: WatermarkSpec): number {
  if (watermarks.kind === 'ingestion') return INGESTION_INTERVAL_MS;
  return watermarks.kind === 'custom' ? (watermarks.intervalMs ?? Infinity) : Infinity;
}

function isoOrNumber(ms: number): string {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : `${ms}`;
}
