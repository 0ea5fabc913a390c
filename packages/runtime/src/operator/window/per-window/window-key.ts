// Keys of what is kept for a key and a window: one state handle serves all windows.
import { hashNumber, keyGroupOfHash, mix32 } from '@millrace/common';

/** [start, end) in milliseconds, or in numbers of records; the global window goes from -Infinity to Infinity. */
export interface Bounds {
  readonly start: number;
  readonly end: number;
}

/** What a window's state and timers are found by. */
export type WindowKey = readonly [key: unknown, start: number, end: number];

export function windowKey(key: unknown, { start, end }: Bounds): WindowKey {
  return [key, start, end];
}

/**
 * Hash for a window's state: in the key group of its key, and different for a key's windows, which otherwise would all be in
 * one place of an index.
 */
export function windowHash(keyHash: number, start: number, keyGroupCount: number): number {
  const rounds = Math.floor(0x1_0000_0000 / keyGroupCount);
  const mixed = mix32(Math.imul(keyHash, 31) + hashNumber(start)) >>> 0;
  return (keyGroupOfHash(keyHash, keyGroupCount) + (mixed % rounds) * keyGroupCount) | 0;
}

/** The greatest time of a JavaScript date: where timers for the end of all time are kept, since theirs have to be finite. */
const END_OF_TIME_MS = 8.64e15;

/** A time as timers keep it. */
export function timerTime(timestampMs: number): number {
  return timestampMs === Infinity ? END_OF_TIME_MS : timestampMs;
}

/** The time that a timer was registered for. */
export function timeOfTimer(timerMs: number): number {
  return timerMs === END_OF_TIME_MS ? Infinity : timerMs;
}
