// [HOT] Temporal join in event time: each record with the version of its table row as of the record's time.
import type { TemporalJoinSpec } from '@millrace/api';
import { hashKey, isNullKey } from '@millrace/common';
import type { KeyedStateBackend, RowTable, TimerDomain } from '@millrace/state';
import { cutLoose } from '../aggregate/cut-loose.ts';
import type { OperatorSetup } from '../operator-setup.ts';
import { noEventTime } from '../window/partial-aggregates.ts';
import { isAccumulate, type Change } from './change.ts';
import { JoinFunction, Pairs } from './join-function.ts';
import type { JoinLogic } from './join-logic.ts';

/** What is kept of a key. */
interface KeyState {
  /** Event time of the key's timer; Infinity: it has none. */
  timerMs: number;
  leftTimes: number[];
  leftRecords: unknown[];
  /** Ascending; at one time the last one counts. */
  versionTimes: number[];
  /** undefined: the row was deleted. */
  versions: unknown[];
  /** When it was last written or read, by the clock, ms; NaN where nothing is forgotten. */
  usedMs: number;
}

/**
 * The temporal join.
 * Contract: a record waits until the watermark, which is the least of both inputs, has come to its time: then the table has all
 * versions up to it. Records of a key go out in the order of their times. A record at or behind the watermark is late. Bounds: of
 * the versions of a key only those stay that a record to come may ask for: one, and those ahead of the watermark.
 * Source: Flink's TemporalRowTimeJoinOperator.
 */
export class TemporalJoin implements JoinLogic {
  readonly watermarkDelayMs = 0;
  readonly firesClockAtEnd = false;
  readonly #setup: OperatorSetup;
  readonly #backend: KeyedStateBackend;
  readonly #table: RowTable;
  readonly #fn: JoinFunction;
  readonly #spec: TemporalJoinSpec;
  #watermarkMs: number;
  /** States that no snapshot refers to: they may be changed in place. */
  #own = new WeakSet<KeyState>();

  constructor(setup: OperatorSetup, backend: KeyedStateBackend, spec: TemporalJoinSpec) {
    this.#setup = setup;
    this.#backend = backend;
    this.#spec = spec;
    this.#fn = new JoinFunction(setup, spec);
    this.#table = backend.table({ name: 'temporal', columns: ['value'], hasNamespaces: false });
    this.#watermarkMs = setup.environment.restoredWatermarkMs;
  }

  onLeft(key: unknown, keyHash: number, record: unknown, timestampMs: number, row: number): void {
    this.#checkTime(timestampMs);
    if (timestampMs <= this.#watermarkMs) return this.#leaveOut(record, timestampMs, row);
    if (this.#spec.joinType === 'inner' && isNullKey(key)) return;
    const at = this.#table.upsert(key, keyHash, 0);
    const state = this.#takeOwn(at);
    this.#use(state);
    state.leftTimes.push(timestampMs);
    state.leftRecords.push(cutLoose(record));
    this.#schedule(state, timestampMs);
  }

  onRight(key: unknown, keyHash: number, record: unknown, timestampMs: number): void {
    this.#checkTime(timestampMs);
    if (isNullKey(key)) return;
    const version = this.#spec.isChangelog
      ? isAccumulate(record as Change)
        ? (record as Change).row
        : undefined
      : record;
    const at = this.#table.upsert(key, keyHash, 0);
    const state = this.#takeOwn(at);
    this.#use(state);
    addVersion(state, timestampMs, cutLoose(version));
    if (timestampMs > this.#watermarkMs) this.#schedule(state, timestampMs);
    else dropVersions(state, this.#watermarkMs);
    if (isEmpty(state)) this.#table.remove(key, keyHash, 0);
  }

  beginWatermark(watermarkMs: number): void {
    this.#watermarkMs = watermarkMs;
  }

  onTimer(key: unknown, domain: TimerDomain): void {
    const keyHash = hashKey(key);
    const at = this.#table.find(key, keyHash, 0);
    if (at < 0) return;
    const state = this.#takeOwn(at);
    if (domain === 'processing') return this.#expire(key, keyHash, state);
    this.#use(state);
    const pairs = this.#takeDue(state);
    dropVersions(state, this.#watermarkMs);
    state.timerMs = Infinity;
    const nextMs = nextTimeOf(state, this.#watermarkMs);
    if (nextMs < Infinity) this.#schedule(state, nextMs);
    if (isEmpty(state)) this.#table.remove(key, keyHash, 0);
    this.#fn.emitAll(pairs);
  }

  /** One timer of the clock a key: it comes too early where the key was used since, and looks again. */
  #use(state: KeyState): void {
    const { stateTtlMs } = this.#spec;
    if (stateTtlMs === 0) return;
    const nowMs = this.#setup.environment.clock.nowMs();
    if (Number.isNaN(state.usedMs)) this.#backend.timers.register('processing', nowMs + stateTtlMs);
    state.usedMs = nowMs;
  }

  /** Forgets an idle key, with the records that wait. */
  #expire(key: unknown, keyHash: number, { usedMs, timerMs }: KeyState): void {
    const dueMs = usedMs + this.#spec.stateTtlMs;
    if (dueMs > this.#setup.environment.clock.nowMs()) {
      this.#backend.timers.register('processing', dueMs);
      return;
    }
    if (timerMs < Infinity) this.#backend.timers.unregister('event', timerMs);
    this.#table.remove(key, keyHash, 0);
  }

  onFreeze(): void {
    this.#own = new WeakSet();
  }

  #checkTime(timestampMs: number): void {
    if (!(timestampMs > -Infinity && timestampMs < Infinity)) throw noEventTime(this.#setup.node);
  }

  #leaveOut(record: unknown, timestampMs: number, row: number): void {
    const { output, tally, emission } = this.#setup;
    const { lateOutput } = this.#spec;
    if (lateOutput === undefined) return tally.countLate(1, record, row);
    emission.count++;
    output.sides.get(lateOutput)?.(record, timestampMs);
  }

  /** One timer a key: for the earliest thing that the watermark decides. */
  #schedule(state: KeyState, timestampMs: number): void {
    if (timestampMs >= state.timerMs) return;
    if (state.timerMs < Infinity) this.#backend.timers.unregister('event', state.timerMs);
    state.timerMs = timestampMs;
    this.#backend.timers.register('event', timestampMs);
  }

  /** Takes the records whose versions are known, by time. */
  #takeDue(state: KeyState): Pairs {
    const { leftTimes, leftRecords } = state;
    const pairs = new Pairs();
    if (leftTimes.length === 0) return pairs;
    const due: number[] = [];
    const kept: number[] = [];
    for (let index = 0; index < leftTimes.length; index++)
      ((leftTimes[index] as number) <= this.#watermarkMs ? due : kept).push(index);
    if (due.length > 1) due.sort((a, b) => (leftTimes[a] as number) - (leftTimes[b] as number));
    for (const index of due) {
      const timestampMs = leftTimes[index] as number;
      const found = versionAt(state, timestampMs);
      const isMatch = found !== undefined && this.#fn.isMatch(leftRecords[index], found, timestampMs);
      const version = isMatch ? found : undefined;
      if (version === undefined && this.#spec.joinType === 'inner') continue;
      pairs.add(leftRecords[index], version, timestampMs);
    }
    state.leftTimes = kept.map((index) => leftTimes[index] as number);
    state.leftRecords = kept.map((index) => leftRecords[index]);
    return pairs;
  }

  /** What is in a row, to be changed in place; the row counts as changed. */
  #takeOwn(row: number): KeyState {
    const cells = this.#table.columns[0] as (KeyState | undefined)[];
    this.#table.markDirty(row);
    const kept = cells[row];
    if (kept !== undefined && this.#own.has(kept)) return kept;
    const own: KeyState = {
      timerMs: kept?.timerMs ?? Infinity,
      leftTimes: [...(kept?.leftTimes ?? [])],
      leftRecords: [...(kept?.leftRecords ?? [])],
      versionTimes: [...(kept?.versionTimes ?? [])],
      versions: [...(kept?.versions ?? [])],
      usedMs: kept?.usedMs ?? NaN,
    };
    this.#own.add(own);
    cells[row] = own;
    return own;
  }
}

function addVersion({ versionTimes, versions }: KeyState, timestampMs: number, version: unknown): void {
  let place = versionTimes.length;
  while (place > 0 && (versionTimes[place - 1] as number) > timestampMs) place--;
  if (versionTimes[place - 1] === timestampMs) versions[place - 1] = version;
  else {
    versionTimes.splice(place, 0, timestampMs);
    versions.splice(place, 0, version);
  }
}

/** Leaves the newest version that is not ahead of the watermark, unless it says that there is none, and those ahead of it. */
function dropVersions(state: KeyState, watermarkMs: number): void {
  const { versionTimes, versions } = state;
  let newest = versionTimes.length - 1;
  while (newest >= 0 && (versionTimes[newest] as number) > watermarkMs) newest--;
  if (newest < 0) return;
  const from = versions[newest] === undefined ? newest + 1 : newest;
  if (from === 0) return;
  state.versionTimes = versionTimes.slice(from);
  state.versions = versions.slice(from);
}

function versionAt({ versionTimes, versions }: KeyState, timestampMs: number): unknown {
  let index = versionTimes.length - 1;
  while (index >= 0 && (versionTimes[index] as number) > timestampMs) index--;
  return index < 0 ? undefined : versions[index];
}

function nextTimeOf({ leftTimes, versionTimes }: KeyState, watermarkMs: number): number {
  let nextMs = Infinity;
  for (const timestampMs of leftTimes) nextMs = Math.min(nextMs, timestampMs);
  const version = versionTimes.find((timestampMs) => timestampMs > watermarkMs);
  return Math.min(nextMs, version ?? Infinity);
}

function isEmpty({ leftTimes, versionTimes }: KeyState): boolean {
  return leftTimes.length === 0 && versionTimes.length === 0;
}
