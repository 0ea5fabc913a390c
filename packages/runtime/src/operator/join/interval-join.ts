// [HOT] Interval join: pairs of one key whose times are within an interval of each other.
import type { IntervalJoinSpec, JoinType } from '@millrace/api';
import { hashKey, isNullKey } from '@millrace/common';
import type { KeyedStateBackend, TimerDomain } from '@millrace/state';
import type { OperatorSetup } from '../operator-setup.ts';
import { noEventTime } from '../window/partial-aggregates.ts';
import { IntervalBuffer } from './interval-buffer.ts';
import { JoinFunction, Pairs } from './join-function.ts';
import type { JoinLogic } from './join-logic.ts';

/** One of the two inputs. */
interface Side {
  readonly isLeft: boolean;
  readonly buffer: IntervalBuffer;
  /** A record at t meets records of the other side from t + fromMs to t + toMs. */
  readonly fromMs: number;
  readonly toMs: number;
  /** A record at t cannot meet any other when time has come to t + reachMs. */
  readonly reachMs: number;
  /** Records without a partner are emitted. */
  readonly isOuter: boolean;
  readonly lateOutput: string | undefined;
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
  readonly #isEventTime: boolean;
  readonly #dropsLate: boolean;
  readonly #timestamp: IntervalJoinSpec['timestamp'];
  readonly #left: Side;
  readonly #right: Side;
  /** How far time has come: the watermark, or the millisecond before the clock's. */
  #timeMs: number;

  constructor(setup: OperatorSetup, backend: KeyedStateBackend, spec: IntervalJoinSpec) {
    this.#setup = setup;
    this.#backend = backend;
    this.#fn = new JoinFunction(setup, spec);
    const { joinType, lowerMs, upperMs } = spec;
    this.#joinType = joinType;
    this.#isEventTime = spec.time === 'event';
    this.#dropsLate = this.#isEventTime && spec.late === 'drop';
    this.#timeMs = this.#isEventTime ? setup.environment.restoredWatermarkMs : -Infinity;
    // A record at the watermark is not late: where late ones join, it still finds what the watermark has just come to.
    const graceMs = this.#isEventTime && spec.late === 'join' ? 1 : 0;
    const isOuter = (side: JoinType): boolean => joinType === side || joinType === 'full';
    const hasOuter = joinType !== 'inner' && joinType !== 'semi';
    // As Flink's inner join does: a record that comes after all that it could meet is kept until its own time.
    const reachMinMs = this.#dropsLate && !hasOuter ? 0 : -Infinity;
    const widthMs = upperMs - lowerMs;
    const isSemi = joinType === 'semi' || joinType === 'anti';
    this.#left = {
      isLeft: true,
      fromMs: lowerMs,
      toMs: upperMs,
      reachMs: Math.max(reachMinMs, upperMs) + graceMs,
      isOuter: isOuter('left') || joinType === 'anti',
      lateOutput: spec.leftLateOutput,
      buffer: new IntervalBuffer(backend, {
        name: 'left',
        widthMs,
        tracksMatches: isOuter('left') || isSemi,
      }),
    };
    this.#right = {
      isLeft: false,
      fromMs: -upperMs,
      toMs: -lowerMs,
      reachMs: Math.max(reachMinMs, -lowerMs) + graceMs,
      isOuter: isOuter('right'),
      lateOutput: spec.rightLateOutput,
      buffer: new IntervalBuffer(backend, { name: 'right', widthMs, tracksMatches: isOuter('right') }),
    };
    this.#timestamp = spec.timestamp;
    const delays = this.#isEventTime && (hasOuter || !this.#dropsLate || spec.timestamp !== 'latest');
    this.watermarkDelayMs = delays ? Math.max(0, this.#left.reachMs, this.#right.reachMs) : 0;
  }

  onLeft(key: unknown, keyHash: number, record: unknown, timestampMs: number, row: number): void {
    const timeMs = this.#timeOf(timestampMs);
    const left = this.#left;
    if (this.#isLate(timeMs)) return this.#leaveOut(left, record, timestampMs, row);
    const isOnce = this.#joinType === 'semi' || this.#joinType === 'anti';
    const isMatched = isOnce
      ? this.#meetsRight(key, keyHash, record, timeMs, timestampMs)
      : this.#meet(left, this.#right, { key, keyHash, record, timeMs, timestampMs });
    // A left record of a semi or anti join that has met one has nothing more to wait for.
    if (isOnce && isMatched) return;
    this.#keep(left, { key, keyHash, record, timeMs, timestampMs }, isMatched);
  }

  onRight(key: unknown, keyHash: number, record: unknown, timestampMs: number, row: number): void {
    const timeMs = this.#timeOf(timestampMs);
    const right = this.#right;
    if (this.#isLate(timeMs)) return this.#leaveOut(right, record, timestampMs, row);
    const arrival = { key, keyHash, record, timeMs, timestampMs };
    const isMatched = this.#meet(right, this.#left, arrival);
    this.#keep(right, arrival, isMatched);
  }

  beginWatermark(watermarkMs: number): void {
    if (this.#isEventTime) this.#timeMs = watermarkMs;
  }

  onTimer(key: unknown, domain: TimerDomain, timestampMs: number): void {
    const timeMs = domain === 'event' ? timestampMs : timestampMs - 1;
    if (domain === 'processing') this.#timeMs = Math.max(this.#timeMs, timeMs);
    const keyHash = hashKey(key);
    const pairs = new Pairs();
    if (this.#left.isOuter) this.#giveUp(this.#left, key, keyHash, timeMs, pairs);
    if (this.#right.isOuter) this.#giveUp(this.#right, key, keyHash, timeMs, pairs);
    this.#fn.emitAll(pairs);
  }

  dropExpired(nowMs: number): void {
    if (!this.#isEventTime) this.#timeMs = Math.max(this.#timeMs, nowMs - 1);
    this.#dropBuckets(this.#left);
    this.#dropBuckets(this.#right);
  }

  nextExpiryMs(): number {
    if (this.#isEventTime) return Infinity;
    const dueMs = ({ buffer, reachMs }: Side): number => buffer.oldestBucket() + reachMs;
    return Math.min(dueMs(this.#left), dueMs(this.#right));
  }

  onFreeze(): void {
    this.#left.buffer.freeze();
    this.#right.buffer.freeze();
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

  #pairTime(leftMs: number, rightMs: number): number {
    if (this.#timestamp === 'latest') return Math.max(leftMs, rightMs);
    return this.#timestamp === 'left' ? leftMs : rightMs;
  }

  #isLate(timeMs: number): boolean {
    return this.#dropsLate && timeMs < this.#timeMs;
  }

  #leaveOut(side: Side, record: unknown, timestampMs: number, row: number): void {
    const { output, tally, emission } = this.#setup;
    if (side.lateOutput === undefined) return tally.countLate(1, record, row);
    emission.count++;
    output.sides.get(side.lateOutput)?.(record, timestampMs);
  }

  /** Emits the pairs of a record with what is kept of the other side; true if there are any. */
  #meet(from: Side, to: Side, arrival: Arrival): boolean {
    const { key, keyHash, record, timeMs } = arrival;
    if (isNullKey(key)) return false;
    const { buffer } = to;
    const isOnce = this.#joinType === 'semi' || this.#joinType === 'anti';
    const firstMs = timeMs + from.fromMs;
    const lastMs = timeMs + from.toMs;
    const lastBucket = buffer.bucketOf(lastMs);
    let pairs: Pairs | undefined;
    let hasMet = false;
    for (let bucket = buffer.bucketOf(firstMs); bucket <= lastBucket; bucket += buffer.bucketMs) {
      const row = buffer.find(key, keyHash, bucket);
      if (row < 0) continue;
      const times = buffer.timesOf(row);
      const records = buffer.recordsOf(row);
      for (let index = 0; index < times.length; index++) {
        const otherMs = times[index] as number;
        if (otherMs < firstMs || otherMs > lastMs || otherMs + to.reachMs <= this.#timeMs) continue;
        if (isOnce && buffer.isMatched(row, index)) continue;
        const left = from.isLeft ? record : records[index];
        const right = from.isLeft ? records[index] : record;
        if (this.#fn.hasCondition && !this.#fn.isMatch(left, right, arrival.timestampMs)) continue;
        hasMet = true;
        buffer.markMatched(row, index);
        if (this.#joinType === 'anti') continue;
        const pairMs = this.#isEventTime
          ? this.#pairTime(from.isLeft ? timeMs : otherMs, from.isLeft ? otherMs : timeMs)
          : arrival.timestampMs;
        pairs ??= new Pairs();
        pairs.add(left, isOnce ? undefined : right, pairMs);
      }
    }
    if (pairs !== undefined) this.#fn.emitAll(pairs);
    return hasMet;
  }

  /** A left record of a semi or anti join: is there a partner already? Then a semi join emits it. */
  #meetsRight(key: unknown, keyHash: number, record: unknown, timeMs: number, timestampMs: number): boolean {
    if (isNullKey(key)) return false;
    const { buffer, reachMs } = this.#right;
    const firstMs = timeMs + this.#left.fromMs;
    const lastMs = timeMs + this.#left.toMs;
    const lastBucket = buffer.bucketOf(lastMs);
    for (let bucket = buffer.bucketOf(firstMs); bucket <= lastBucket; bucket += buffer.bucketMs) {
      const row = buffer.find(key, keyHash, bucket);
      if (row < 0) continue;
      const times = buffer.timesOf(row);
      for (let index = 0; index < times.length; index++) {
        const otherMs = times[index] as number;
        if (otherMs < firstMs || otherMs > lastMs || otherMs + reachMs <= this.#timeMs) continue;
        if (!this.#fn.isMatch(record, buffer.recordsOf(row)[index], timestampMs)) continue;
        const pairMs = this.#isEventTime ? this.#pairTime(timeMs, otherMs) : timestampMs;
        if (this.#joinType === 'semi') this.#fn.emit(record, undefined, pairMs);
        return true;
      }
    }
    return false;
  }

  /** Keeps a record that may still meet others; one that cannot, and met none, goes out alone. */
  #keep(side: Side, arrival: Arrival, isMatched: boolean): void {
    const { key, keyHash, record, timeMs, timestampMs } = arrival;
    const endMs = timeMs + side.reachMs;
    const isAlone = side.isOuter && !isMatched;
    if (!side.isOuter && isNullKey(key)) return;
    if (endMs <= this.#timeMs) {
      if (!isAlone) return;
      if (side.isLeft) this.#fn.emit(record, undefined, timestampMs);
      else this.#fn.emit(undefined, record, timestampMs);
      return;
    }
    side.buffer.add(key, keyHash, record, timeMs, isMatched);
    if (!isAlone) return;
    if (this.#isEventTime) this.#backend.timers.register('event', endMs);
    else this.#backend.timers.register('processing', endMs + 1);
  }

  /** Takes records whose end has come, and that met none. */
  #giveUp(side: Side, key: unknown, keyHash: number, endMs: number, pairs: Pairs): void {
    const { buffer, isLeft, reachMs } = side;
    const row = buffer.find(key, keyHash, buffer.bucketOf(endMs - reachMs));
    if (row < 0) return;
    const times = buffer.timesOf(row);
    const records = buffer.recordsOf(row);
    for (let index = 0; index < times.length; index++) {
      const timeMs = times[index] as number;
      if (timeMs + reachMs !== endMs || buffer.isMatched(row, index)) continue;
      buffer.markMatched(row, index);
      const pairMs = this.#isEventTime ? timeMs : NaN;
      if (isLeft) pairs.add(records[index], undefined, pairMs);
      else pairs.add(undefined, records[index], pairMs);
    }
  }

  #dropBuckets({ buffer, reachMs }: Side): void {
    for (;;) {
      const bucket = buffer.oldestBucket();
      if (bucket === Infinity || bucket - 1 + reachMs > this.#timeMs) return;
      buffer.drop(bucket);
    }
  }
}

/** A record at hand. */
interface Arrival {
  readonly key: unknown;
  readonly keyHash: number;
  readonly record: unknown;
  /** When it counts as come: its event time, or the clock's. */
  readonly timeMs: number;
  readonly timestampMs: number;
}
