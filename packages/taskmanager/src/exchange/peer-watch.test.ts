import { createServer, type AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import type { TimerPort, WireError } from '@millrace/common';
import { realClock, realTimers } from '@millrace/common/node';
import type { SlotDeployment } from '@millrace/proto';
import { PeerWatch } from './peer-watch.ts';

const TIMEOUT_MS = 5_000;

/** A deployment that reads from these addresses, each in another TaskManager. */
function reading(...addresses: string[]): SlotDeployment {
  const inputChannels = addresses.map((dataAddress, index) => ({
    producer: { taskManagerId: `peer-${index}`, slotIndex: 0, dataAddress },
  }));
  return { subtasks: [{ inputChannels }] } as unknown as SlotDeployment;
}

/** Time that stands still until a test moves it. */
function world() {
  let nowMs = 0;
  const timers = new Map<() => void, number>();
  const port: TimerPort = {
    schedule: (delayMs, action) => {
      timers.set(action, nowMs + delayMs);
      return { cancel: () => timers.delete(action) };
    },
  };
  const unreachable = new Set<string>();
  const asked: string[] = [];
  const watch = new PeerWatch({
    taskManagerId: 'self',
    timers: port,
    clock: { nowMs: () => nowMs, monotonicMs: () => nowMs },
    timeoutMs: TIMEOUT_MS,
    reach: (address) => {
      asked.push(address);
      return Promise.resolve(!unreachable.has(address));
    },
  });
  return {
    watch,
    unreachable,
    asked,
    timers,
    /** One look each second. */
    pass: async (ms: number): Promise<void> => {
      for (const untilMs = nowMs + ms; nowMs < untilMs;) {
        nowMs += 1_000;
        for (const [action, dueMs] of timers) {
          if (dueMs > nowMs) continue;
          timers.delete(action);
          action();
        }
        for (let turn = 0; turn < 5; turn++) await Promise.resolve();
      }
    },
    jump: (ms: number) => (nowMs += ms),
  };
}

test('a producer that cannot be reached for the time-out fails the slots that read from it, once', async () => {
  const { watch, unreachable, pass } = world();
  const lost: string[] = [];
  const onLost = (name: string) => (error: WireError) => lost.push(`${name} ${error.code}`);
  watch.watch('one', reading('a:1'), onLost('one'));
  watch.watch('two', reading('b:1'), onLost('two'));
  await pass(20_000);
  expect(lost).toEqual([]);
  unreachable.add('a:1');
  await pass(TIMEOUT_MS);
  expect(lost).toEqual([]);
  await pass(2_000);
  expect(lost).toEqual(['one MR_CHANNEL_CLOSED']);
  await pass(20_000);
  expect(lost).toHaveLength(1);
});

test('one that answers again in time is not lost', async () => {
  const { watch, unreachable, pass } = world();
  const lost: WireError[] = [];
  watch.watch('one', reading('a:1'), (error) => lost.push(error));
  for (let round = 0; round < 5; round++) {
    unreachable.add('a:1');
    await pass(TIMEOUT_MS - 2_000);
    unreachable.clear();
    await pass(2_000);
  }
  expect(lost).toEqual([]);
});

test('a process that was stopped does not blame others for the time in which it was', async () => {
  const { watch, unreachable, pass, jump } = world();
  const lost: WireError[] = [];
  watch.watch('one', reading('a:1'), (error) => lost.push(error));
  await pass(2_000);
  jump(60_000);
  await pass(3_000);
  expect(lost).toEqual([]);
  unreachable.add('a:1');
  await pass(TIMEOUT_MS + 2_000);
  expect(lost).toHaveLength(1);
});

test('only other TaskManagers are looked at, one address each, and nobody once all slots have ended', async () => {
  const { watch, asked, pass, timers } = world();
  watch.watch('alone', reading(), () => undefined);
  expect(timers.size).toBe(0);
  watch.watch('one', reading('a:1', 'b:1'), () => undefined);
  watch.watch('two', reading('a:1'), () => undefined);
  await pass(1_000);
  expect(asked).toEqual(['a:1', 'b:1']);
  watch.unwatch('one');
  watch.unwatch('two');
  await pass(5_000);
  expect(asked).toHaveLength(2);
  expect(timers.size).toBe(0);
});

test('a process that listens and does nothing else answers', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const lost: WireError[] = [];
  const connected = new Promise((resolve) => server.once('connection', resolve));
  const watch = new PeerWatch({
    taskManagerId: 'self',
    timers: realTimers,
    clock: realClock,
    timeoutMs: 60,
  });
  watch.watch('one', reading(`127.0.0.1:${port}`), (error) => lost.push(error));
  await connected;
  await new Promise((resolve) => server.close(resolve));
  watch.unwatch('one');
  expect(lost).toEqual([]);
});
