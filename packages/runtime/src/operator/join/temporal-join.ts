// [HOT] Temporal join in event time: each record with the version of its table row as of the record's time.
import type { TemporalJoinSpec } from '@millrace/api';
import { hashKey, isNullKey } from '@millrace/common';
import type { KeyedStateBackend, RowCursor, TimerDomain } from '@millrace/state';
import type { OperatorSetup } from '../operator-setup.ts';
import { noEventTime } from '../window/partial-aggregates.ts';
import { isAccumulate, type Change } from './change.ts';
import { JoinFunction, Pairs } from './join-function.ts';
import type { JoinLogic } from './join-logic.ts';
import { timedColumns, TimedRecords } from './timed-records.ts';
import { Versions } from './versions.ts';

/**
 * The temporal join.
 * Contract: a record waits until the watermark, which is the least of both inputs, has come to its time: then the table has all
 * versions up to it. Records of a key go out in the order of their times. A record at or behind the watermark is late. Bounds: of
 * the versions of a key only those stay that a record to come may ask for: one, and those ahead of the watermark; and until the
 * key's next version as many that are not.
 * Source: Flink's TemporalRowTimeJoinOperator.
 */
export class TemporalJoin implements JoinLogic {
  readonly watermarkDelayMs = 0;
  readonly firesClockAtEnd = false;
  readonly #setup: OperatorSetup;
  readonly #backend: KeyedStateBackend;
  /** By the millisecond that ends with their time, so that a watermark takes whole buckets and no record needs a timer. */
  readonly #waiting: TimedRecords;
  readonly #versions: Versions;
  readonly #fn: JoinFunction;
  readonly #spec: TemporalJoinSpec;
  readonly #arrival = { key: undefined as unknown, keyHash: 0, record: undefined as unknown, timeMs: NaN };
  /** Over the bucket that is at work when the chain has to stop. */
  #cursor: RowCursor | undefined;
  #watermarkMs: number;

  constructor(setup: OperatorSetup, backend: KeyedStateBackend, spec: TemporalJoinSpec) {
    this.#setup = setup;
    this.#backend = backend;
    this.#spec = spec;
    this.#fn = new JoinFunction(setup, spec);
    const waiting = backend.table({ name: 'waiting', columns: timedColumns(false), hasNamespaces: true });
    this.#waiting = new TimedRecords(waiting, { from: 0, tracksMatches: false });
    this.#versions = new Versions(backend);
    this.#watermarkMs = setup.environment.restoredWatermarkMs;
  }

  onLeft(key: unknown, keyHash: number, record: unknown, timestampMs: number, row: number): void {
    this.#checkTime(timestampMs);
    if (timestampMs <= this.#watermarkMs) return this.#leaveOut(record, timestampMs, row);
    if (this.#spec.joinType === 'inner' && isNullKey(key)) return;
    const arrival = this.#arrival;
    arrival.key = key;
    arrival.keyHash = keyHash;
    arrival.record = record;
    arrival.timeMs = timestampMs;
    this.#waiting.add(Math.ceil(timestampMs), arrival, false);
    if (this.#spec.stateTtlMs > 0) this.#use(this.#versions.upsert(key, keyHash));
  }

  onRight(key: unknown, keyHash: number, record: unknown, timestampMs: number): void {
    this.#checkTime(timestampMs);
    if (isNullKey(key)) return;
    const version = this.#spec.isChangelog
      ? isAccumulate(record as Change)
        ? (record as Change).row
        : undefined
      : record;
    const at = this.#versions.upsert(key, keyHash);
    this.#use(at);
    this.#versions.add(at, timestampMs, version, this.#watermarkMs);
    if (version !== undefined) return;
    // Somebody has to look when nothing is left of the row.
    if (timestampMs > this.#watermarkMs) this.#backend.timers.register('event', timestampMs);
    else this.#settle(key, keyHash, at);
  }

  beginWatermark(watermarkMs: number): void {
    this.#watermarkMs = watermarkMs;
  }

  /** Emits what the watermark has come to. */
  release(): boolean {
    const { emission } = this.#setup;
    const watermarkMs = this.#watermarkMs;
    for (;;) {
      const bucket = this.#waiting.oldestBucket();
      if (bucket === Infinity) return true;
      if (bucket > watermarkMs) return bucket - 1 >= watermarkMs || this.#releasePart(bucket);
      this.#cursor ??= this.#waiting.openCursor(bucket);
      for (let row = this.#cursor.next(); row !== -1; row = this.#cursor.next()) {
        this.#releaseRow(row);
        if (emission.mustStop()) return false;
      }
      this.#cursor = undefined;
      this.#waiting.drop(bucket);
    }
  }

  onTimer(key: unknown, domain: TimerDomain): void {
    const keyHash = hashKey(key);
    const at = this.#versions.find(key, keyHash);
    if (at < 0) return;
    if (domain === 'processing') this.#expire(key, keyHash, at);
    else this.#settle(key, keyHash, at);
  }

  /** Where keys are forgotten their time to live ends with the row. */
  #settle(key: unknown, keyHash: number, at: number): void {
    this.#versions.settle(at, this.#watermarkMs);
    if (this.#spec.stateTtlMs === 0 && this.#versions.countOf(at) === 0) this.#versions.remove(key, keyHash);
  }

  /** One timer of the clock a key: it comes too early where the key was used since, and looks again. */
  #use(at: number): void {
    const { stateTtlMs } = this.#spec;
    if (stateTtlMs === 0) return;
    const nowMs = this.#setup.environment.clock.nowMs();
    if (Number.isNaN(this.#versions.usedMs(at)))
      this.#backend.timers.register('processing', nowMs + stateTtlMs);
    this.#versions.use(at, nowMs);
  }

  /** Forgets an idle key, with the records that wait. */
  #expire(key: unknown, keyHash: number, at: number): void {
    const dueMs = this.#versions.usedMs(at) + this.#spec.stateTtlMs;
    if (dueMs > this.#setup.environment.clock.nowMs()) {
      this.#backend.timers.register('processing', dueMs);
      return;
    }
    this.#versions.remove(key, keyHash);
    // It changes when the last key of a bucket goes.
    const buckets = this.#waiting.buckets().slice();
    for (const bucket of buckets) this.#waiting.remove(key, keyHash, bucket);
  }

  #checkTime(timestampMs: number): void {
    if (!(timestampMs > -Infinity && timestampMs < Infinity)) throw noEventTime(this.#setup.node);
  }

  #leaveOut(record: unknown, timestampMs: number, row: number): void {
    const { output, tally, emission } = this.#setup;
    const { lateOutput } = this.#spec;
    tally.countLate(1, record, row);
    if (lateOutput === undefined) return;
    emission.count++;
    output.sides.get(lateOutput)?.(record, timestampMs);
  }

  #releaseRow(row: number): void {
    const waiting = this.#waiting;
    const at = this.#versionsOf(row);
    if (waiting.countOf(row) > 1) return this.#fn.emitAll(this.#takeDue(row, at));
    const timeMs = waiting.timeOf(row, 0);
    const record = waiting.recordOf(row, 0);
    const version = this.#versionFor(record, at, timeMs);
    if (version !== undefined || this.#spec.joinType === 'left') this.#fn.emit(record, version, timeMs);
  }

  /** Watermarks need not be whole milliseconds: some records of the bucket may wait for the next one. */
  #releasePart(bucket: number): boolean {
    const waiting = this.#waiting;
    const rows: { readonly key: unknown; readonly keyHash: number }[] = [];
    const cursor = waiting.openCursor(bucket);
    for (let row = cursor.next(); row !== -1; row = cursor.next())
      rows.push({ key: waiting.keyOf(row), keyHash: waiting.keyHashOf(row) });
    for (const { key, keyHash } of rows) {
      const row = waiting.find(key, keyHash, bucket);
      const pairs = this.#takeDue(row, this.#versionsOf(row));
      waiting.dropUntil(bucket, { key, keyHash, timeMs: this.#watermarkMs });
      this.#fn.emitAll(pairs);
    }
    return true;
  }

  #versionsOf(row: number): number {
    const key = this.#waiting.keyOf(row);
    const keyHash = this.#waiting.keyHashOf(row);
    const at = this.#versions.find(key, keyHash);
    if (at < 0) return at;
    // Whose timer it is, where it has none yet.
    this.#backend.setCurrentKey(key, keyHash);
    this.#use(at);
    return at;
  }

  /** The records of a row that the watermark has come to, by time. */
  #takeDue(row: number, at: number): Pairs {
    const waiting = this.#waiting;
    const pairs = new Pairs();
    const due: number[] = [];
    for (let index = 0; index < waiting.countOf(row); index++)
      if (waiting.timeOf(row, index) <= this.#watermarkMs) due.push(index);
    due.sort((a, b) => waiting.timeOf(row, a) - waiting.timeOf(row, b));
    for (const index of due) {
      const timeMs = waiting.timeOf(row, index);
      const record = waiting.recordOf(row, index);
      const version = this.#versionFor(record, at, timeMs);
      if (version !== undefined || this.#spec.joinType === 'left') pairs.add(record, version, timeMs);
    }
    return pairs;
  }

  #versionFor(record: unknown, at: number, timeMs: number): unknown {
    const version = at < 0 ? undefined : this.#versions.versionAt(at, timeMs);
    return version !== undefined && this.#fn.isMatch(record, version, timeMs) ? version : undefined;
  }
}
