// Clock, timers and randomness as Node has them.
import { randomBytes } from 'node:crypto';
import type { Clock, RandomPort, TimerPort } from '../ports.ts';

/** Delays above this would overflow Node's timer and fire at once; a longer one fires when this is over. */
const DELAY_MS_MAX = 2_147_483_647;

/** The machine's clocks. Threading: any thread. */
export const realClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

/** Node's timers. A delay of 0 runs after pending I/O of this turn. Timers keep the process alive. Threading: any thread. */
export const realTimers: TimerPort = {
  schedule(delayMs, action) {
    if (delayMs <= 0) {
      const immediate = setImmediate(action);
      return { cancel: () => clearImmediate(immediate) };
    }
    const timer = setTimeout(action, Math.min(Math.ceil(delayMs), DELAY_MS_MAX));
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Cryptographic randomness, because ids and tokens are made of it. Threading: any thread. */
export const realRandom: RandomPort = {
  nextUint32: () => randomBytes(4).readUInt32LE(0),
  nextId: (bytes) => randomBytes(bytes).toString('hex'),
};
