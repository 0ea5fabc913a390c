// How long results take when each event comes when it is due by the clock: `--dueFrom`, `--latencyAfter` and `--latencyUntil`.
import {
  boundedOutOfOrderness,
  type DataStream,
  type Json,
  type Source,
  type SourceBatch,
  type Split,
  type SplitReader,
  type StreamEnd,
  type Watermarks,
} from '@millrace/api';

/** Event time of the first event. */
const FIRST_EVENT_MS = 1_767_225_600_000;
/** Events come in blocks: the splits take these in turn. */
const BLOCK = 50;
/** An event is late by so much at most because nobody looked. */
const LOOK_MS = 1;

/** For events in order: windows fire with the first event behind them. */
export const inOrder: Watermarks<{ readonly dateTime: number }> = boundedOutOfOrderness<{
  readonly dateTime: number;
}>('0 seconds', ({ dateTime }) => dateTime);

/** When events are due. */
export interface Schedule {
  /** By the clock, when the first event is due, ms since the epoch; the others are as much later as their event time is. */
  readonly dueFromMs: number;
  /** Events of all kinds in a second. */
  readonly eventRate: number;
  /** Of the events of the source: their places [from, to) in each block. */
  readonly places: readonly [from: number, to: number];
  readonly nowMs?: () => number;
}

/**
 * Gives generated events, in order, when they are due. What is late, because the job began late or the source was held up, comes
 * at once: how fast events come does not depend on how fast they are taken.
 */
export function whenDue<T>(source: Source<T>, schedule: Schedule): Source<T> {
  return Object.freeze({
    ...source,
    openSplit: async (split, position, context) =>
      new DueReader(await source.openSplit(split, position, context), { split, position, schedule }),
  } satisfies Source<T>);
}

class DueReader<T> implements SplitReader<T> {
  readonly #events: SplitReader<T>;
  readonly #split: Split;
  readonly #schedule: Schedule;
  readonly #nowMs: () => number;
  /** Events of all kinds in the split behind which the next one is. */
  #position: Json;

  constructor(
    events: SplitReader<T>,
    at: { readonly split: Split; readonly position: Json | undefined; readonly schedule: Schedule },
  ) {
    this.#events = events;
    this.#split = at.split;
    this.#schedule = at.schedule;
    this.#nowMs = at.schedule.nowMs ?? clockMs;
    this.#position = at.position ?? 0;
  }

  read(recordsMax: number): SourceBatch<T> | undefined {
    const due = this.#recordsBefore(this.#positionsDue()) - this.#recordsBefore(Number(this.#position));
    if (due <= 0) return { kind: 'records', records: [], position: this.#position, restMs: LOOK_MS };
    // The generator answers at once.
    const batch = this.#events.read(Math.min(recordsMax, due)) as SourceBatch<T> | undefined;
    if (batch !== undefined) this.#position = batch.position;
    return batch;
  }

  /** How many events of the split are due, whatever their kind. */
  #positionsDue(): number {
    const { dueFromMs, eventRate } = this.#schedule;
    const [index, splitCount] = [Number(this.#split['index']), Number(this.#split['splitCount'])];
    const elapsedMs = Math.floor(this.#nowMs() - dueFromMs);
    const events = Math.max(0, Math.ceil(((elapsedMs + 1) * eventRate) / 1_000));
    const block = Math.floor(events / BLOCK);
    const ownBlocks = Math.max(0, Math.ceil((block - index) / splitCount));
    return ownBlocks * BLOCK + (block % splitCount === index ? events - block * BLOCK : 0);
  }

  #recordsBefore(position: number): number {
    const [from, to] = this.#schedule.places;
    const place = position % BLOCK;
    const inBlock = Math.min(Math.max(0, place - from), to - from);
    return ((position - place) / BLOCK) * (to - from) + inBlock;
  }
}

/** The same in all processes of a machine, and finer than a millisecond. */
function clockMs(): number {
  return performance.timeOrigin + performance.now();
}

/** Of which results the latency counts. */
export interface Measured {
  readonly dueFromMs: number;
  /** Results that were due from so long behind the first event on, until so long behind it. */
  readonly afterMs: number;
  readonly untilMs: number;
  /** What times of results are: of events, or of the clock, as those of windows of processing time are. */
  readonly times: 'event' | 'clock';
}

/**
 * Ends a query: from when a result was due, which is when the event was whose time it has (of a window: its last millisecond), until
 * it is here, into the histogram `result_latency_ms` of the operator `latency`. An event's time has no fractions of milliseconds, so that up to
 * one is counted too much. What the end of input brings about was due later than `untilMs`.
 */
export function measureLatency<T>(
  rows: DataStream<T>,
  { dueFromMs, afterMs, untilMs, times }: Measured,
): StreamEnd {
  const zeroMs = times === 'clock' ? dueFromMs : FIRST_EVENT_MS;
  return rows
    .process({
      onRecord(_row, { timestamp, metrics }) {
        const dueMs = timestamp - zeroMs;
        if (dueMs >= afterMs && dueMs < untilMs)
          metrics.histogram('result_latency_ms').update(clockMs() - dueFromMs - dueMs);
      },
    })
    .uid('latency')
    .forEach(() => {});
}
