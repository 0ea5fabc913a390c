// Functions of random jobs over two streams. What they give hangs on the records of both, in whatever order these come.
import {
  mapState,
  type,
  valueState,
  type BroadcastProcessFunction,
  type KeyedBroadcastProcessFunction,
  type KeyedCoProcessFunction,
  type MapState,
  type StateDescriptor,
  type ValueState,
} from '@millrace/api';
import type { SimHooks } from '@millrace/testing';
import { scramble, tagged, textHash, type Rec } from './job-spec.ts';

type PairState = { readonly counts: StateDescriptor<MapState<string, number>> };

/** Counts the pairs of records of a key that the two streams make: a record that is lost or comes twice is missed or shows. */
export function pairCounter(
  id: number,
  hooks: SimHooks,
): KeyedCoProcessFunction<string, Rec, Rec, PairState, Rec, never, never, never> {
  const count = (
    record: { readonly key: string },
    own: 'first' | 'second',
    ctx: {
      readonly subtaskIndex: number;
      readonly state: { readonly counts: MapState<string, number> };
      emit(record: Rec): void;
    },
  ): void => {
    hooks.userCall();
    hooks.onKey(`${id}`, record.key, ctx.subtaskIndex);
    const { counts } = ctx.state;
    const mine = (counts.get(own) ?? 0) + 1;
    counts.put(own, mine);
    const { key } = record;
    if (mine <= (counts.get(own === 'first' ? 'second' : 'first') ?? 0))
      ctx.emit({ key, n: mine, origin: `${id}/${key}`, seq: mine - 1, ts: 0 });
  };
  return {
    state: { counts: mapState<string, number>() },
    emits: type<Rec>(),
    onFirst: (record, ctx) => count(record, 'first', ctx),
    onSecond: (record, ctx) => count(record, 'second', ctx),
  };
}

type Seen = { readonly seen: StateDescriptor<MapState<string, number>> };

/** Looks in every subtask whether a broadcast record comes once; returns how many there were. */
function note(
  id: number,
  record: { readonly origin: string; readonly seq: number },
  seen: MapState<string, number>,
  hooks: SimHooks,
): number {
  const name = `${record.origin}/${record.seq}`;
  if (seen.has(name)) hooks.violated(`node ${id} gets broadcast record ${name} twice`);
  seen.put(name, record.seq);
  const total = (seen.get(TOTAL) ?? 0) + 1;
  seen.put(TOTAL, total);
  return total;
}

/** No origin is named so. */
const TOTAL = '#';

/** Passes on what comes, and of what is broadcast each record in one subtask. */
export function broadcastKeeper(
  id: number,
  hooks: SimHooks,
): BroadcastProcessFunction<Rec, Rec, Seen, Rec, never, never> {
  return {
    emits: type<Rec>(),
    onRecord(record, ctx) {
      hooks.userCall();
      ctx.emit(tagged(record, id, 0));
    },
    onBroadcast(record, ctx) {
      note(id, record, ctx.broadcast.seen, hooks);
      if (scramble(record.seq, textHash(record.origin)) % ctx.parallelism === ctx.subtaskIndex)
        ctx.emit(tagged(record, id, 1));
    },
  };
}

/** How many broadcast records there were when the key came, and how many have been applied to it since. */
interface Life {
  readonly born: number;
  readonly applied: number;
}

type LifeState = { readonly life: StateDescriptor<ValueState<Life>> };

/** Passes records on, and looks whether each broadcast record was applied to each key once. */
export function keyedBroadcastKeeper(
  id: number,
  hooks: SimHooks,
): KeyedBroadcastProcessFunction<string, Rec, Rec, LifeState, Seen, Rec, never, never, never> {
  return {
    state: { life: valueState<Life>() },
    emits: type<Rec>(),
    onRecord(record, ctx) {
      hooks.userCall();
      hooks.onKey(`${id}`, record.key, ctx.subtaskIndex);
      const total = ctx.broadcast.seen.get(TOTAL) ?? 0;
      const life = ctx.state.life.value();
      if (life === undefined) ctx.state.life.update({ born: total, applied: 0 });
      else if (life.applied !== total - life.born)
        hooks.violated(
          `node ${id} has applied ${life.applied} of ${total - life.born} broadcast records to ${record.key}`,
        );
      ctx.emit(record);
    },
    onBroadcast(record, ctx) {
      note(id, record, ctx.broadcast.seen, hooks);
      ctx.applyToKeyedState('life', (key, life) => {
        hooks.onKey(`${id}`, key, ctx.subtaskIndex);
        const { born, applied } = life.value() ?? { born: NaN, applied: NaN };
        life.update({ born, applied: applied + 1 });
      });
    },
  };
}
