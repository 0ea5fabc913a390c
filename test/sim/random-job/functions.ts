// Process functions of random jobs. They look whether the engine keeps its promises: state that is the barrier's, keys that
// have one owner, timers that fire once and not too early.
import {
  listState,
  mapState,
  type,
  valueState,
  type KeyedProcessFunction,
  type ListState,
  type MapState,
  type ProcessFunction,
  type StateDescriptor,
  type ValueState,
} from '@millrace/api';
import type { SimHooks } from '@millrace/testing';
import { scramble, textHash, type Rec } from './job-spec.ts';

/** Elements of a list that are kept; then it begins anew. */
const RECENT_MAX = 7;
/** The names in a map are counted at every so manieth record of a key. */
const COUNTED_EVERY = 5;
const PAUSE_MS = 40;

type KeeperState = {
  readonly last: StateDescriptor<MapState<string, number>>;
  readonly seen: StateDescriptor<ValueState<number, never>>;
  readonly recent: StateDescriptor<ListState<number>>;
  readonly names: StateDescriptor<ValueState<number, never>>;
};

/**
 * Passes records on, and knows from its state alone which of each origin must come next: a record that is lost, comes
 * twice or out of order before it shows here, and so does state that is not of the checkpoint that sources went back to.
 */
export function keeper(
  id: number,
  check: 'gapless' | 'ordered' | 'once',
  hooks: SimHooks,
): KeyedProcessFunction<string, Rec, KeeperState, Rec, never, never> {
  return {
    state: {
      last: mapState<string, number>(),
      seen: valueState({ initial: 0 }),
      recent: listState<number>(),
      names: valueState({ initial: 0 }),
    },
    emits: type<Rec>(),
    onRecord(record, ctx) {
      hooks.userCall();
      hooks.onKey(`${id}`, record.key, ctx.subtaskIndex);
      const { last, seen, recent, names } = ctx.state;
      const name = check === 'once' ? `${record.origin}/${record.seq}` : record.origin;
      const before = last.get(name);
      const isWanted =
        check === 'once'
          ? before === undefined
          : check === 'gapless'
            ? record.seq === (before ?? -1) + 1
            : record.seq > (before ?? -1);
      if (!isWanted)
        hooks.violated(
          `node ${id} gets record ${record.seq} of ${record.origin} behind ${before ?? 'none'} (${check})`,
        );
      const count = seen.value() + 1;
      const nameCount = count % COUNTED_EVERY === 0 ? [...last.keys()].length : names.value();
      if (nameCount !== names.value())
        hooks.violated(`node ${id} has ${nameCount} names in the map of ${record.key}, not ${names.value()}`);
      if (before === undefined) names.update(names.value() + 1);
      last.put(name, record.seq);
      seen.update(count);
      const kept = [...recent.get()];
      const keptWanted = count === 1 ? 0 : ((count - 2) % RECENT_MAX) + 1;
      if (kept.length !== keptWanted)
        hooks.violated(
          `node ${id} has ${kept.length} elements in the list of ${record.key} before record ${count}`,
        );
      if (kept.length < RECENT_MAX) recent.add(record.seq);
      else recent.update([record.seq]);
      ctx.emit(record);
    },
  };
}

type TimerState = {
  readonly sums: StateDescriptor<MapState<number, number>>;
  readonly pausedUntil: StateDescriptor<ValueState<number>>;
};

/** What a tumbling window does, with timers: one at the last millisecond of each bucket. */
export function timerBuckets(
  id: number,
  bucketMs: number,
  hooks: SimHooks,
): KeyedProcessFunction<string, Rec, TimerState, Rec, never, never> {
  return {
    state: { sums: mapState<number, number>(), pausedUntil: valueState<number>() },
    emits: type<Rec>(),
    onRecord(record, ctx) {
      hooks.userCall();
      hooks.onKey(`${id}`, record.key, ctx.subtaskIndex);
      if (ctx.timestamp !== record.ts)
        hooks.violated(`node ${id} gets a record of ${record.ts} with event time ${ctx.timestamp}`);
      const { sums, pausedUntil } = ctx.state;
      const lastMs = Math.floor(record.ts / bucketMs) * bucketMs + bucketMs - 1;
      sums.put(lastMs, (sums.get(lastMs) ?? 0) + record.n);
      ctx.timers.registerEventTime(lastMs);
      // One that never fires, because it is taken back.
      ctx.timers.registerEventTime(lastMs + 1);
      ctx.timers.deleteEventTime(lastMs + 1);
      if (pausedUntil.value() === undefined && record.n % 4 === 0) {
        const untilMs = ctx.now() + PAUSE_MS;
        pausedUntil.update(untilMs);
        ctx.timers.registerProcessingTime(untilMs);
      }
    },
    onTimer(timer, ctx) {
      hooks.userCall();
      hooks.onKey(`${id}`, ctx.key, ctx.subtaskIndex);
      const { sums, pausedUntil } = ctx.state;
      const { timestamp } = timer;
      if (timer.domain === 'processing') {
        if (pausedUntil.value() !== timestamp)
          hooks.violated(`node ${id} gets a processing-time timer of ${ctx.key} that it does not wait for`);
        if (ctx.now() < timestamp) hooks.violated(`node ${id} gets a processing-time timer too early`);
        pausedUntil.clear();
        return;
      }
      if (ctx.watermark < timestamp)
        hooks.violated(`node ${id} gets timer ${timestamp} at watermark ${ctx.watermark}`);
      const sum = sums.get(timestamp);
      if (sum === undefined) {
        hooks.violated(`node ${id} gets timer ${timestamp} of ${ctx.key}, which it does not wait for`);
        return;
      }
      sums.remove(timestamp);
      ctx.emit({ key: ctx.key, n: sum, origin: `${id}/${ctx.key}`, seq: timestamp, ts: timestamp });
    },
  };
}

/** Behind a broadcast: of all subtasks one takes each record. */
export function pickOne(): ProcessFunction<Rec, Rec, never> {
  return {
    emits: type<Rec>(),
    onRecord(record, ctx) {
      if (scramble(record.seq, textHash(record.origin)) % ctx.parallelism === ctx.subtaskIndex)
        ctx.emit(record);
    },
  };
}

/** Turns of promises that an answer takes at most. */
const ANSWER_TURNS_MAX = 12;

/** Answers with the record itself, after some turns; for some records the first calls fail. */
export async function answerTo<T extends Rec>(record: T, id: number, attempt: number): Promise<T> {
  const dice = scramble(id, textHash(record.origin), record.seq);
  for (let turn = (dice >>> 8) % ANSWER_TURNS_MAX; turn > 0; turn--) await Promise.resolve();
  if (attempt <= dice % 3 && dice % 7 === 0) throw new Error('no answer yet');
  return record;
}
