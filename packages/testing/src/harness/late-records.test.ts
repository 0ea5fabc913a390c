// Late records are counted, sampled and sent to the side output, all three, by every operator that knows them.
import { describe, expect, test } from 'vitest';
import { count, outputTag, session, tumbling, eventTimeTrigger, type DataStream } from '@millrace/api';
import { ChainHarness, type TestedOutputs } from '../index.ts';

interface Reading {
  readonly key: string;
  readonly at: number;
}

const late = outputTag<Reading>('late');
const byKey = (input: DataStream<Reading>) => input.keyBy(({ key }) => key);
const withLate = <T>(main: DataStream<T>): TestedOutputs => ({ main, late: main.sideOutput(late) });

const OPERATORS: { readonly [what: string]: (input: DataStream<Reading>) => TestedOutputs } = {
  'a window of slices': (input) =>
    withLate(byKey(input).window(tumbling(10)).sideOutputLateData(late).aggregate({ n: count() })),
  'a session': (input) =>
    withLate(byKey(input).window(session(3)).sideOutputLateData(late).aggregate({ n: count() })),
  'a window with a trigger': (input) =>
    withLate(
      byKey(input)
        .window(tumbling(10))
        .trigger(eventTimeTrigger())
        .sideOutputLateData(late)
        .aggregate({ n: count() }),
    ),
  'a sort': (input) => withLate(input.sort({ lateOutput: late })),
  'a pattern': (input) =>
    withLate(
      byKey(input)
        .pattern((first) => first('any'))
        .sideOutputLateData(late)
        .matches(),
    ),
};

describe('late records are counted, sampled and a side output of', () => {
  test.each(Object.entries(OPERATORS))('%s', async (_what, operators) => {
    const harness = await ChainHarness.open<Reading>({ operators, parallelism: 1 });
    harness.send([{ value: { key: 'a', at: 15 }, atMs: 15 }]);
    harness.watermark(20);
    harness.send([{ value: { key: 'b', at: 4 }, atMs: 4 }]);
    harness.watermark(21);
    const { counts, samples } = harness.chains[0]?.drops ?? {};
    expect(counts).toEqual({ late: 1, skipped: 0, deadLettered: 0 });
    expect(samples?.map(({ cause }) => cause)).toEqual(['late']);
    expect(harness.emitted.filter(({ output }) => output === 'late').map(({ record }) => record)).toEqual([
      { key: 'b', at: 4 },
    ]);
    await harness.close();
  });
});
