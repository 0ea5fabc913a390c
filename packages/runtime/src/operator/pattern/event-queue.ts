// [HOT] Events of a key that wait for the watermark, in the order of their time. Plain data, because it is state.

/** Places at the front that are given back at once. */
const FREE_FRONT_MIN = 64;

/** Contract: changed in place, by these functions alone. */
export interface EventQueue {
  /** Event times, ascending, and the events beside them. */
  times: number[];
  events: unknown[];
  /** Index of the first that waits. */
  head: number;
}

/** Order of events of equal time; events that compare as equal keep the order in which they came. */
export type CompareEvents = (a: unknown, b: unknown) => number;

export function newEventQueue(): EventQueue {
  return { times: [], events: [], head: 0 };
}

/** A copy that shares nothing that may change. */
export function copyEventQueue({ times, events, head }: EventQueue): EventQueue {
  return { times: times.slice(head), events: events.slice(head), head: 0 };
}

/** Complexity: constant for an event that is not before the last one, else one step an event behind it. */
export function enqueue(
  queue: EventQueue,
  event: unknown,
  timestampMs: number,
  compare: CompareEvents | undefined,
): void {
  const { times, events } = queue;
  let place = times.length;
  while (place > queue.head && isBefore(queue, place - 1, { event, timestampMs, compare })) place--;
  if (place === times.length) {
    times.push(timestampMs);
    events.push(event);
  } else {
    times.splice(place, 0, timestampMs);
    events.splice(place, 0, event);
  }
}

/** Time of the first event, or Infinity. */
export function firstTime({ times, head }: EventQueue): number {
  return times[head] ?? Infinity;
}

/** Takes the first event; there must be one. */
export function dequeue(queue: EventQueue): unknown {
  const event = queue.events[queue.head];
  queue.events[queue.head++] = undefined;
  if (queue.head >= FREE_FRONT_MIN && queue.head * 2 >= queue.times.length) {
    queue.times = queue.times.slice(queue.head);
    queue.events = queue.events.slice(queue.head);
    queue.head = 0;
  }
  return event;
}

/** True when the first event's time has come: at the end of time too. */
export function isDue({ times, head }: EventQueue, timeMs: number): boolean {
  return head < times.length && (times[head] as number) <= timeMs;
}

export function isEmpty({ times, head }: EventQueue): boolean {
  return head === times.length;
}

/** True when the new event comes before the one at `place`. */
function isBefore(
  { times, events }: EventQueue,
  place: number,
  added: {
    readonly event: unknown;
    readonly timestampMs: number;
    readonly compare: CompareEvents | undefined;
  },
): boolean {
  const timeMs = times[place] as number;
  if (timeMs !== added.timestampMs) return timeMs > added.timestampMs;
  return added.compare !== undefined && added.compare(added.event, events[place]) < 0;
}
