// [HOT] Interval join: pairs of one key whose times are within an interval of each other.
import type { IntervalJoinSpec, JoinType } from '@millrace/api';
import { hashKey, isNullKey } from '@millrace/common';
import type { ColumnKind, KeyedStateBackend, RowTable, TimerDomain } from '@millrace/state';
import type { OperatorSetup } from '../operator-setup.ts';
import { noEventTime } from '../window/partial-aggregates.ts';
import { DueKeys } from './due-keys.ts';
import { JoinFunction, Pairs } from './join-function.ts';
import type { JoinLogic } from './join-logic.ts';
import { timedColumns, TimedRecords } from './timed-records.ts';

/** One of the two inputs. */
interface Side {
  readonly isLeft: boolean;
  readonly buffer: TimedRecords;
  /** A record at t meets records of the other side from t + fromMs to t + toMs. */
  readonly fromMs: number;
  readonly toMs: number;
  /** A record at t cannot meet any other when time has come to t + reachMs. */
  readonly reachMs: number;
  /** Records without a partner are emitted. */
  readonly isOuter: boolean;
  readonly lateOutput: string | undefined;
  /** Keys with records that are alone so far; by the clock they have timers. */
  readonly due: DueKeys | undefined;
}

/**
 * The join of two streams by key and interval.
 * Contract: a record is kept until time proves that no partner can come; then it is emitted without one, where its side is kept, once.
 * In event time a record behind the watermark is late. Bounds: state is what is within the reach of the interval.
 * Source: Flink's IntervalJoinOperator (`late: 'drop'`) and RowTimeIntervalJoin (`late: 'join'`).
 */
export class IntervalJoin implements JoinLogic {
  readonly watermarkDelayMs: number;
  readonly firesClockAtEnd = true;
  readonly #setup: OperatorSetup;
  readonly #backend: KeyedStateBackend;
  readonly #fn: JoinFunction;
  readonly #joinType: JoinType;
  /** A semi or anti join: of a left record with several partners one counts. */
  readonly #isOnce: boolean;
  readonly #isEventTime: boolean;
  readonly #dropsLate: boolean;
  readonly #timestamp: IntervalJoinSpec['timestamp'];
  /** Half as long as the interval, at least 1 ms, so that it touches four at most, and of records in order two. */
  readonly #bucketMs: number;
  readonly #left: Side;
  readonly #right: Side;
  /** How far time has come: the watermark, or the millisecond before the clock's. */
  #timeMs: number;
  readonly #arrival: Arrival = {
    key: undefined,
    keyHash: 0,
    record: undefined,
    timeMs: NaN,
    timestampMs: NaN,
  };

  constructor(setup: OperatorSetup, backend: KeyedStateBackend, spec: IntervalJoinSpec) {
    this.#setup = setup;
    this.#backend = backend;
    this.#fn = new JoinFunction(setup, spec);
    const { joinType, lowerMs, upperMs } = spec;
    this.#joinType = joinType;
    this.#isOnce = joinType === 'semi' || joinType === 'anti';
    this.#isEventTime = spec.time === 'event';
    this.#dropsLate = this.#isEventTime && spec.late === 'drop';
    this.#timeMs = this.#isEventTime ? setup.environment.restoredWatermarkMs : -Infinity;
    // A record at the watermark is not late: where late ones join, it still finds what the watermark has just come to.
    const graceMs = this.#isEventTime && spec.late === 'join' ? 1 : 0;
    const isOuter = (side: JoinType): boolean => joinType === side || joinType === 'full';
    const hasOuter = joinType !== 'inner' && joinType !== 'semi';
    // As Flink's inner join does: a record that comes after all that it could meet is kept until its own time.
    const reachMinMs = this.#dropsLate && !hasOuter ? 0 : -Infinity;
    this.#bucketMs = Math.max(1, Math.ceil((upperMs - lowerMs) / 2));
    const leftReachMs = Math.max(reachMinMs, upperMs) + graceMs;
    const rightReachMs = Math.max(reachMinMs, -lowerMs) + graceMs;
    const [left, right] = openSides(backend, {
      tracksLeft: isOuter('left') || this.#isOnce,
      tracksRight: isOuter('right'),
      // Else one side's records would stay for long because of the other's.
      isShared: leftReachMs === rightReachMs,
    });
    this.#left = {
      isLeft: true,
      fromMs: lowerMs,
      toMs: upperMs,
      reachMs: leftReachMs,
      isOuter: isOuter('left') || joinType === 'anti',
      lateOutput: spec.leftLateOutput,
      due: isOuter('left') || joinType === 'anti' ? this.#dueKeys('left') : undefined,
      buffer: left,
    };
    this.#right = {
      isLeft: false,
      fromMs: -upperMs,
      toMs: -lowerMs,
      reachMs: rightReachMs,
      isOuter: isOuter('right'),
      lateOutput: spec.rightLateOutput,
      due: isOuter('right') ? this.#dueKeys('right') : undefined,
      buffer: right,
    };
    this.#timestamp = spec.timestamp;
    const delays = this.#isEventTime && (hasOuter || !this.#dropsLate || spec.timestamp !== 'latest');
    this.watermarkDelayMs = delays ? Math.max(0, this.#left.reachMs, this.#right.reachMs) : 0;
  }

  onLeft(key: unknown, keyHash: number, record: unknown, timestampMs: number, row: number): void {
    this.#arrive(key, keyHash, record, timestampMs);
    const left = this.#left;
    if (this.#isLate()) return this.#leaveOut(left, row);
    if (!this.#isOnce) return this.#keep(left, this.#meet(left, this.#right));
    // A left record of a semi or anti join that has met one has nothing more to wait for.
    if (!this.#meetsRight()) this.#keep(left, false);
  }

  onRight(key: unknown, keyHash: number, record: unknown, timestampMs: number, row: number): void {
    this.#arrive(key, keyHash, record, timestampMs);
    const right = this.#right;
    if (this.#isLate()) return this.#leaveOut(right, row);
    this.#keep(right, this.#meet(right, this.#left));
  }

  beginWatermark(watermarkMs: number): void {
    if (this.#isEventTime) this.#timeMs = watermarkMs;
  }

  /** Emits what is alone for good by event time: of both sides together in the order of time. */
  release(): boolean {
    const left = this.#left.due;
    const right = this.#right.due;
    for (;;) {
      const leftBucket = left?.earliest() ?? Infinity;
      const rightBucket = right?.earliest() ?? Infinity;
      const bucket = Math.min(leftBucket, rightBucket);
      if (bucket - 1 >= this.#timeMs) return true;
      const first = leftBucket === bucket ? left : right;
      if (first?.release(this.#timeMs) === false) return false;
      if (bucket <= this.#timeMs) continue;
      // A part of a millisecond: the bucket stays.
      return first === right || rightBucket !== bucket || right?.release(this.#timeMs) !== false;
    }
  }

  onTimer(key: unknown, _domain: TimerDomain, timestampMs: number): void {
    this.#timeMs = Math.max(this.#timeMs, timestampMs - 1);
    const keyHash = hashKey(key);
    if (this.#left.isOuter) this.#giveUp(this.#left, key, keyHash, timestampMs - 1);
    if (this.#right.isOuter) this.#giveUp(this.#right, key, keyHash, timestampMs - 1);
  }

  dropExpired(nowMs: number): void {
    if (!this.#isEventTime) this.#timeMs = Math.max(this.#timeMs, nowMs - 1);
    const [left, right] = [this.#left, this.#right];
    if (left.buffer.table === right.buffer.table)
      return this.#dropBuckets(left.buffer, Math.max(left.reachMs, right.reachMs));
    this.#dropBuckets(left.buffer, left.reachMs);
    this.#dropBuckets(right.buffer, right.reachMs);
  }

  nextExpiryMs(): number {
    if (this.#isEventTime) return Infinity;
    const dueMs = ({ buffer, reachMs }: Side): number => buffer.oldestBucket() + reachMs;
    return Math.min(dueMs(this.#left), dueMs(this.#right));
  }

  #dueKeys(side: 'left' | 'right'): DueKeys | undefined {
    if (!this.#isEventTime) return undefined;
    return new DueKeys(this.#backend, {
      name: `${side} alone`,
      emission: this.#setup.emission,
      look: (key, keyHash, bucket) =>
        this.#giveUp(side === 'left' ? this.#left : this.#right, key, keyHash, bucket),
    });
  }

  #arrive(key: unknown, keyHash: number, record: unknown, timestampMs: number): void {
    const arrival = this.#arrival;
    arrival.key = key;
    arrival.keyHash = keyHash;
    arrival.record = record;
    arrival.timestampMs = timestampMs;
    arrival.timeMs = this.#timeOf(timestampMs);
  }

  /** The time that counts: the record's, or the clock's, which does not go back. */
  #timeOf(timestampMs: number): number {
    if (!this.#isEventTime) {
      this.#timeMs = Math.max(this.#timeMs, this.#setup.environment.clock.nowMs() - 1);
      return this.#timeMs + 1;
    }
    if (timestampMs > -Infinity && timestampMs < Infinity) return timestampMs;
    throw noEventTime(this.#setup.node);
  }

  /** End of the bucket of a time, which is its name. */
  #bucketOf(timeMs: number): number {
    return Math.floor(timeMs / this.#bucketMs) * this.#bucketMs + this.#bucketMs;
  }

  #pairTime(leftMs: number, rightMs: number): number {
    if (this.#timestamp === 'latest') return Math.max(leftMs, rightMs);
    return this.#timestamp === 'left' ? leftMs : rightMs;
  }

  #isLate(): boolean {
    return this.#dropsLate && this.#arrival.timeMs < this.#timeMs;
  }

  #leaveOut(side: Side, row: number): void {
    const { output, tally, emission } = this.#setup;
    const { record, timestampMs } = this.#arrival;
    tally.countLate(1, record, row);
    if (side.lateOutput === undefined) return;
    emission.count++;
    output.sides.get(side.lateOutput)?.(record, timestampMs);
  }

  /** Emits the pairs of the record at hand with what is kept of the other side; true if there are any. */
  #meet(from: Side, to: Side): boolean {
    const { key, keyHash, record, timeMs, timestampMs } = this.#arrival;
    if (isNullKey(key)) return false;
    const { buffer } = to;
    const { emission } = this.#setup;
    const isOnce = this.#isOnce;
    const firstMs = timeMs + from.fromMs;
    const lastMs = timeMs + from.toMs;
    const lastBucket = this.#bucketOf(lastMs);
    /** What is left when the chain has to stop. */
    let pairs: Pairs | undefined;
    let hasMet = false;
    for (let bucket = this.#bucketOf(firstMs); bucket <= lastBucket; bucket += this.#bucketMs) {
      const row = buffer.find(key, keyHash, bucket);
      if (row < 0) continue;
      const count = buffer.countOf(row);
      for (let index = 0; index < count; index++) {
        const otherMs = buffer.timeOf(row, index);
        if (otherMs < firstMs || otherMs > lastMs || otherMs + to.reachMs <= this.#timeMs) continue;
        if (isOnce && buffer.isMatched(row, index)) continue;
        const other = buffer.recordOf(row, index);
        const left = from.isLeft ? record : other;
        const right = from.isLeft ? other : record;
        if (this.#fn.hasCondition && !this.#fn.isMatch(left, right, timestampMs)) continue;
        hasMet = true;
        buffer.markMatched(row, index);
        if (this.#joinType === 'anti') continue;
        const pairMs = this.#isEventTime
          ? this.#pairTime(from.isLeft ? timeMs : otherMs, from.isLeft ? otherMs : timeMs)
          : timestampMs;
        if (pairs !== undefined) {
          pairs.add(left, isOnce ? undefined : right, pairMs);
          continue;
        }
        this.#fn.emit(left, isOnce ? undefined : right, pairMs);
        if (emission.mustStop()) pairs = new Pairs();
      }
    }
    if (pairs !== undefined) this.#fn.emitAll(pairs);
    return hasMet;
  }

  /** A left record of a semi or anti join: is there a partner already? Then a semi join emits it. */
  #meetsRight(): boolean {
    const { key, keyHash, record, timeMs, timestampMs } = this.#arrival;
    if (isNullKey(key)) return false;
    const { buffer, reachMs } = this.#right;
    const firstMs = timeMs + this.#left.fromMs;
    const lastMs = timeMs + this.#left.toMs;
    const lastBucket = this.#bucketOf(lastMs);
    for (let bucket = this.#bucketOf(firstMs); bucket <= lastBucket; bucket += this.#bucketMs) {
      const row = buffer.find(key, keyHash, bucket);
      if (row < 0) continue;
      const count = buffer.countOf(row);
      for (let index = 0; index < count; index++) {
        const otherMs = buffer.timeOf(row, index);
        if (otherMs < firstMs || otherMs > lastMs || otherMs + reachMs <= this.#timeMs) continue;
        if (!this.#fn.isMatch(record, buffer.recordOf(row, index), timestampMs)) continue;
        const pairMs = this.#isEventTime ? this.#pairTime(timeMs, otherMs) : timestampMs;
        if (this.#joinType === 'semi') this.#fn.emit(record, undefined, pairMs);
        return true;
      }
    }
    return false;
  }

  /** Keeps the record at hand if it may still meet others; one that cannot, and met none, goes out alone. */
  #keep(side: Side, isMatched: boolean): void {
    const { key, keyHash, record, timeMs, timestampMs } = this.#arrival;
    const endMs = timeMs + side.reachMs;
    const isAlone = side.isOuter && !isMatched;
    if (!side.isOuter && isNullKey(key)) return;
    if (endMs <= this.#timeMs) {
      if (!isAlone) return;
      if (side.isLeft) this.#fn.emit(record, undefined, timestampMs);
      else this.#fn.emit(undefined, record, timestampMs);
      return;
    }
    side.buffer.add(this.#bucketOf(timeMs), this.#arrival, isMatched);
    if (!isAlone) return;
    if (side.due !== undefined) side.due.add(key, keyHash, endMs);
    else this.#backend.timers.register('processing', endMs + 1);
  }

  /** Emits the records of a key that met none, and whose end is after `endMs` − 1, up to `endMs` and to where time has come. */
  #giveUp(side: Side, key: unknown, keyHash: number, endMs: number): void {
    const lastBucket = this.#bucketOf(endMs - side.reachMs);
    const firstBucket = this.#bucketOf(endMs - side.reachMs - 1);
    const untilMs = Math.min(endMs, this.#timeMs);
    if (firstBucket !== lastBucket)
      this.#giveUpOf(side, side.buffer.find(key, keyHash, firstBucket), untilMs);
    this.#giveUpOf(side, side.buffer.find(key, keyHash, lastBucket), untilMs);
  }

  /** Those of one bucket; records whose end was before have gone already. */
  #giveUpOf({ buffer, isLeft, reachMs }: Side, row: number, untilMs: number): void {
    if (row < 0) return;
    const { emission } = this.#setup;
    /** What is left when the chain has to stop. */
    let pairs = emission.isStopped ? new Pairs() : undefined;
    const count = buffer.countOf(row);
    for (let index = 0; index < count; index++) {
      const timeMs = buffer.timeOf(row, index);
      if (timeMs + reachMs > untilMs || buffer.isMatched(row, index)) continue;
      buffer.markMatched(row, index);
      const pairMs = this.#isEventTime ? timeMs : NaN;
      const record = buffer.recordOf(row, index);
      const left = isLeft ? record : undefined;
      const right = isLeft ? undefined : record;
      if (pairs !== undefined) {
        pairs.add(left, right, pairMs);
        continue;
      }
      this.#fn.emit(left, right, pairMs);
      if (emission.mustStop()) pairs = new Pairs();
    }
    if (pairs !== undefined) this.#fn.emitAll(pairs);
  }

  #dropBuckets(buffer: TimedRecords, reachMs: number): void {
    for (;;) {
      const bucket = buffer.oldestBucket();
      if (bucket === Infinity || bucket - 1 + reachMs > this.#timeMs) return;
      buffer.drop(bucket);
    }
  }
}

/** Both sides' records: in one table each record finds its own bucket's of the other side where it will be kept itself. */
function openSides(
  backend: KeyedStateBackend,
  of: { readonly tracksLeft: boolean; readonly tracksRight: boolean; readonly isShared: boolean },
): readonly [TimedRecords, TimedRecords] {
  const leftColumns = timedColumns(of.tracksLeft);
  const rightColumns = timedColumns(of.tracksRight);
  const open = (name: string, columns: readonly ColumnKind[]): RowTable =>
    backend.table({ name, columns, hasNamespaces: true });
  const leftTable = of.isShared
    ? open('records', [...leftColumns, ...rightColumns])
    : open('left', leftColumns);
  const rightTable = of.isShared ? leftTable : open('right', rightColumns);
  return [
    new TimedRecords(leftTable, {
      from: 0,
      ...(of.isShared ? { otherFrom: leftColumns.length } : {}),
      tracksMatches: of.tracksLeft,
    }),
    new TimedRecords(rightTable, {
      ...(of.isShared ? { from: leftColumns.length, otherFrom: 0 } : { from: 0 }),
      tracksMatches: of.tracksRight,
    }),
  ];
}

/** The record at hand; one object, whose fields change. */
interface Arrival {
  key: unknown;
  keyHash: number;
  record: unknown;
  /** When it counts as come: its event time, or the clock's. */
  timeMs: number;
  timestampMs: number;
}
