import { expect, test } from 'vitest';
import type { TimerPort } from '@millrace/common';
import { LinkPulse } from './link-pulse.ts';

const TIMEOUT_MS = 8_000;
const BEAT_MS = 1_000;

/** A connection and one beat after the other; whoever is asked answers within the beat, when they do. */
function world() {
  const of = { isAnswered: true, isProbeAnswered: true, pings: 0, probes: 0, probesOpen: 0 };
  const halfOpen: number[] = [];
  let due: (() => void)[] = [];
  const timers: TimerPort = {
    schedule: (delayMs, action) => {
      expect(delayMs).toBe(BEAT_MS);
      due.push(action);
      return { cancel: () => (due = due.filter((other) => other !== action)) };
    },
  };
  let answers: (() => void)[] = [];
  const pulse = new LinkPulse({
    timers,
    timeoutMs: TIMEOUT_MS,
    ping: () => {
      of.pings++;
      if (of.isAnswered) answers.push(() => pulse.heard());
    },
    probe: (onAnswer) => {
      of.probes++;
      of.probesOpen++;
      answers.push(() => {
        if (of.isProbeAnswered) onAnswer();
      });
      return () => of.probesOpen--;
    },
    onHalfOpen: (silentMs) => halfOpen.push(silentMs),
  });
  const beat = (times: number): void => {
    for (let index = 0; index < times; index++) {
      const [action, ...more] = due;
      expect(more).toEqual([]);
      due = [];
      action?.();
      const now = answers;
      answers = [];
      for (const answer of now) answer();
    }
  };
  return { of, pulse, halfOpen, beat, isWatched: () => due.length > 0 };
}

test('LinkPulse says within the time-out that a connection is dead whose other end answers a new one, once', () => {
  const { of, halfOpen, beat, isWatched } = world();
  beat(20);
  expect(of).toMatchObject({ probes: 0 });
  of.isAnswered = false;
  beat(6);
  expect(halfOpen).toEqual([]);
  beat(4);
  expect(halfOpen).toEqual([TIMEOUT_MS]);
  expect(of).toMatchObject({ probes: 1, probesOpen: 0 });
  beat(20);
  expect(halfOpen).toHaveLength(1);
  expect(isWatched()).toBe(false);
});

test('LinkPulse says nothing of an end that answers neither connection: its thread is busy, however long', () => {
  const { of, halfOpen, beat } = world();
  of.isAnswered = of.isProbeAnswered = false;
  beat(1_000);
  expect(halfOpen).toEqual([]);
  expect(of).toMatchObject({ pings: 1, probesOpen: 1 });
});

test('LinkPulse waits for the answer of the old connection a little longer than for that of the new one', () => {
  const { of, pulse, halfOpen, beat } = world();
  of.isAnswered = of.isProbeAnswered = false;
  beat(23); // A probe is made anew in beat 24, as its thread comes free.
  of.isProbeAnswered = true;
  beat(1);
  pulse.heard();
  of.isAnswered = true;
  beat(20);
  expect(halfOpen).toEqual([]);
  expect(of).toMatchObject({ probesOpen: 0 });
});

test('LinkPulse asks nothing while something comes', () => {
  const { of, pulse, beat } = world();
  for (let index = 0; index < 50; index++) {
    pulse.heard();
    beat(1);
  }
  expect(of).toMatchObject({ pings: 0, probes: 0 });
});

test('LinkPulse waits for a large message as long as a slow link takes for it', () => {
  const { of, pulse, halfOpen, beat } = world();
  of.isAnswered = false;
  pulse.heard();
  pulse.expect(64 * 1024 * 60); // A minute.
  beat(60);
  expect(halfOpen).toEqual([]);
  pulse.heard();
  beat(10);
  expect(halfOpen).toHaveLength(1);
});

test('LinkPulse of a connection that is over does nothing more', () => {
  const { of, pulse, halfOpen, beat, isWatched } = world();
  of.isAnswered = false;
  beat(7);
  pulse.stop();
  beat(20);
  expect(halfOpen).toEqual([]);
  expect(of.probesOpen).toBe(0);
  expect(isWatched()).toBe(false);
});
