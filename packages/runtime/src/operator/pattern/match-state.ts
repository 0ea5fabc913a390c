// [HOT] What a key keeps of one pattern: runs (partial matches) over a buffer of events that they share. Plain data, because
// it is state: it goes into snapshots as it is.
//
// The buffer is SASE+'s shared versioned match buffer (Agrawal et al., 2008) in the form of a tree: an entry is one event taken
// by one step, with exactly one entry before it, and runs that have a beginning in common share its entries. SASE+ and Flink
// share an entry between runs with different beginnings too, and tell its edges apart by Dewey versions, which grow with each
// repeat of a loop. Here an entry is as large as such an edge and needs no version: see docs/adr/0015-matches-as-a-tree-of-events.md.
import { invariant } from '@millrace/common';

/** No entry: a run that has taken nothing. */
export const NOTHING = -1;

/** A partial match. Never changed. */
export interface Run {
  /** Index of its state. */
  readonly state: number;
  /** The entry taken last, or {@link NOTHING}. */
  readonly entry: number;
  /** Number of its first event in the order of processing; Infinity: it has none. */
  readonly startOrder: number;
  /** Event time of its first and of its last event, ms. */
  readonly startMs: number;
  readonly previousMs: number;
}

/** An event that a step took. Never changed. */
export interface Entry {
  readonly step: number;
  /** Index of the event. */
  readonly event: number;
  /** The entry before, or {@link NOTHING}. */
  readonly previous: number;
}

/** An event that entries refer to. Never changed. */
export interface BufferedEvent {
  readonly event: unknown;
  readonly order: number;
  readonly timestampMs: number;
}

/**
 * Of one key and pattern.
 * Contract: arrays are changed in place, by the functions of this folder alone; what is in them is not. Free places hold null.
 */
export interface MatchState {
  /** Number of the next event. */
  nextOrder: number;
  /** A heap: see `run-heap.ts`. */
  runs: Run[];
  /** Matches that wait until no run that started before them is left: a heap too. */
  completed: Run[];
  entries: (Entry | null)[];
  entryRefs: number[];
  events: (BufferedEvent | null)[];
  eventRefs: number[];
  freeEntries: number[];
  freeEvents: number[];
  /** Time of the timer that is registered for it; Infinity: there is none. */
  timerMs: number;
}

export function newMatchState(startState: number): MatchState {
  return {
    nextOrder: 0,
    runs: [startRun(startState)],
    completed: [],
    entries: [],
    entryRefs: [],
    events: [],
    eventRefs: [],
    freeEntries: [],
    freeEvents: [],
    timerMs: Infinity,
  };
}

/** The run that every match starts from; it is always there. */
export function startRun(startState: number): Run {
  return { state: startState, entry: NOTHING, startOrder: Infinity, startMs: NaN, previousMs: NaN };
}

/** Runs that have begun, and matches that wait for those that began before them. */
export function partialMatchCount({ runs, completed }: MatchState): number {
  let count = completed.length;
  for (let index = 0; index < runs.length; index++) if ((runs[index] as Run).startOrder !== Infinity) count++;
  return count;
}

/** A copy that shares nothing that may change. */
export function copyMatchState(state: MatchState): MatchState {
  return {
    nextOrder: state.nextOrder,
    runs: state.runs.slice(),
    completed: state.completed.slice(),
    entries: state.entries.slice(),
    entryRefs: state.entryRefs.slice(),
    events: state.events.slice(),
    eventRefs: state.eventRefs.slice(),
    freeEntries: state.freeEntries.slice(),
    freeEvents: state.freeEvents.slice(),
    timerMs: state.timerMs,
  };
}

/** Puts an event into the buffer, where it stays until {@link letGoOfEvent}. Returns its index. */
export function addEvent(state: MatchState, event: unknown, timestampMs: number): number {
  const index = state.freeEvents.pop() ?? state.events.length;
  state.events[index] = { event, order: state.nextOrder++, timestampMs };
  state.eventRefs[index] = 1;
  return index;
}

/** Puts an entry into the buffer, to which nothing refers yet. Returns its index. */
export function addEntry(state: MatchState, entry: Entry): number {
  const index = state.freeEntries.pop() ?? state.entries.length;
  state.entries[index] = entry;
  state.entryRefs[index] = 0;
  (state.eventRefs[entry.event] as number)++;
  if (entry.previous !== NOTHING) (state.entryRefs[entry.previous] as number)++;
  return index;
}

export function lockEntry(state: MatchState, entry: number): void {
  if (entry !== NOTHING) (state.entryRefs[entry] as number)++;
}

/** Lets go of an entry, and of all before it that nothing else refers to. */
export function releaseEntry(state: MatchState, released: number): void {
  let index = released;
  while (index !== NOTHING) {
    const refs = --(state.entryRefs[index] as number);
    if (refs > 0) return;
    const entry = state.entries[index];
    invariant(entry !== null && entry !== undefined, 'a released entry of a match buffer is there');
    state.entries[index] = null;
    state.freeEntries.push(index);
    letGoOfEvent(state, entry.event);
    index = entry.previous;
  }
  if (state.freeEntries.length === state.entries.length) clearBuffer(state);
}

/** The event stays in the buffer as long as entries refer to it. */
export function letGoOfEvent(state: MatchState, index: number): void {
  if (--(state.eventRefs[index] as number) > 0) return;
  state.events[index] = null;
  state.freeEvents.push(index);
}

function clearBuffer(state: MatchState): void {
  if (state.freeEvents.length !== state.events.length) return;
  state.entries.length = 0;
  state.entryRefs.length = 0;
  state.freeEntries.length = 0;
  state.events.length = 0;
  state.eventRefs.length = 0;
  state.freeEvents.length = 0;
}

/**
 * Counts all references anew and drops what no run refers to: after a condition threw in the middle of an event, which then
 * leaves nothing behind.
 */
export function recount(state: MatchState): void {
  state.entryRefs.fill(0);
  state.eventRefs.fill(0);
  for (const { entry } of [...state.runs, ...state.completed])
    if (entry !== NOTHING) (state.entryRefs[entry] as number)++;
  const reached = new Set<number>();
  for (const run of [...state.runs, ...state.completed]) {
    for (let index = run.entry; index !== NOTHING && !reached.has(index);) {
      reached.add(index);
      const entry = state.entries[index] as Entry;
      (state.eventRefs[entry.event] as number)++;
      if (entry.previous !== NOTHING) (state.entryRefs[entry.previous] as number)++;
      index = entry.previous;
    }
  }
  state.freeEntries = freed(state.entries, (index) => !reached.has(index));
  state.freeEvents = freed(state.events, (index) => state.eventRefs[index] === 0);
}

function freed(places: unknown[], isFree: (index: number) => boolean): number[] {
  const free: number[] = [];
  for (let index = 0; index < places.length; index++) {
    if (!isFree(index)) continue;
    places[index] = null;
    free.push(index);
  }
  return free;
}
