// A restored state that has gained or lost its TTL: what the tables of its old form hold goes into those of its new one.
import type {
  KeyWalk,
  ListStateHandle,
  MapStateHandle,
  UserStateKind,
  ValueStateHandle,
} from '../keyed-state-backend.ts';
import type { StateTtl } from './state-ttl.ts';

/** Entries that are moved before there is a look at memory. */
const MOVED_PER_LOOK = 4_096;

/** Of states that lose their TTL: what is over and was not cleaned stays, since nobody knows any more how long it was kept. */
export const NEVER_OVER: StateTtl = {
  ttlMs: Infinity,
  isWallClock: true,
  clock: { nowMs: () => -Infinity, stampMs: () => 0 },
  updatesOnRead: false,
  returnsExpired: true,
};

/** Both forms of a state. Contract: the handles are about the backend's current key. */
export interface StateConversion {
  readonly kind: UserStateKind;
  readonly from: ValueStateHandle | ListStateHandle | MapStateHandle;
  readonly to: ValueStateHandle | ListStateHandle | MapStateHandle;
  /** Over the keys that have something in the old form; makes each the current one. */
  readonly walk: () => KeyWalk;
  /** Forgets when to look at what is over in the old form. */
  readonly dropSpans: () => void;
}

/** Moves all that there is. What it writes has the time that it is by the clock of the new form. */
export async function convertState(
  conversion: StateConversion,
  relieve: () => Promise<void> | undefined,
): Promise<void> {
  const walk = conversion.walk();
  let moved = 0;
  while (walk.next()) {
    for (const _ of moveKey(conversion)) {
      if (++moved % MOVED_PER_LOOK === 0) await relieve();
    }
    conversion.from.clear();
    await relieve();
  }
  conversion.dropSpans();
}

/** One step an entry. */
function* moveKey({ kind, from, to }: StateConversion): Generator<undefined> {
  switch (kind) {
    case 'value':
      (to as ValueStateHandle).update((from as ValueStateHandle).value());
      yield;
      return;
    case 'list':
      for (const item of (from as ListStateHandle).get()) {
        (to as ListStateHandle).add(item);
        yield;
      }
      return;
    case 'map':
      for (const [mapKey, value] of (from as MapStateHandle).entries()) {
        (to as MapStateHandle).put(mapKey, value);
        yield;
      }
  }
}
