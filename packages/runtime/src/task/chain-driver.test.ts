// When a chain that stopped is relieved, and when it goes on; what it tells those behind it at first.
import { expect, test } from 'vitest';
import type { OperatorChain } from '../chain/operator-chain.ts';
import { ElementKind } from '../channel/channel-element.ts';
import type { ResultPartition } from '../channel/result-partition.ts';
import { ChainDriver } from './chain-driver.ts';
import { Mailbox } from './mailbox.ts';
import { Progress } from './progress.ts';
import type { TaskContext } from './task-context.ts';

/** A chain that emits in `steps` steps and has too much in memory all the time, as when what it holds on to cannot leave. */
function chainOf(steps: number): { readonly chain: OperatorChain; readonly calls: string[] } {
  const calls: string[] = [];
  let left = steps;
  const step = (name: string): boolean => {
    calls.push(name);
    return --left === 0;
  };
  const chain = {
    watermarkDelayMs: 0,
    ownWatermarkMs: undefined,
    advanceWatermark: () => step('advance'),
    resume: () => step('resume'),
    nextProcessingTimeMs: () => Infinity,
    flushPartials: () => calls.push('flush'),
    holdsWatermarks: () => false,
    get needsRelief() {
      return left > 0;
    },
    relieve: async () => {
      calls.push('relieve');
    },
  };
  return { chain: chain as unknown as OperatorChain, calls };
}

test('a chain that stopped is relieved before it goes on, and goes on between two reliefs', async () => {
  const mailbox = new Mailbox(() => undefined);
  const { chain, calls } = chainOf(3);
  const subtask = { vertex: { role: 'operator' }, executionAttemptId: 'attempt' };
  const context = { mailbox, subtask } as unknown as TaskContext;
  const driver = new ChainDriver({ context, chain, partitions: [], startWatermarkMs: -Infinity });
  driver.advanceWatermark(1, '');
  for (let turn = 0; turn < 10 && driver.prepare() !== undefined; turn++) {
    await new Promise(setImmediate);
    mailbox.drain();
  }
  expect(calls).toEqual(['advance', 'relieve', 'resume', 'relieve', 'resume', 'flush']);
  expect(driver.prepare()).not.toBe(Progress.Idle);
});

test.each([
  { startWatermarkMs: 70, sent: [{ kind: ElementKind.Watermark, timestampMs: 70, splitId: '' }] },
  { startWatermarkMs: -Infinity, sent: [] },
])(
  'a chain that goes on at watermark $startWatermarkMs tells those behind it once, before anything else',
  ({ startWatermarkMs, sent }) => {
    const elements: unknown[] = [];
    const partition = { hasCredit: true, broadcast: (element: unknown) => elements.push(element) };
    const { chain } = chainOf(0);
    const subtask = { vertex: { role: 'operator' }, executionAttemptId: 'attempt' };
    const context = { mailbox: new Mailbox(() => undefined), subtask } as unknown as TaskContext;
    const partitions = [partition as unknown as ResultPartition];
    const driver = new ChainDriver({ context, chain, partitions, startWatermarkMs });
    expect(driver.prepare()).toBeUndefined();
    expect(driver.prepare()).toBeUndefined();
    expect(elements).toEqual(sent);
  },
);
