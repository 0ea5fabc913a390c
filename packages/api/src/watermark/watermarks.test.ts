import { expect, test } from 'vitest';
import { defineJob } from '../job/define-job.ts';
import { fromArray } from '../source/from-array.ts';
import {
  boundedOutOfOrderness,
  customWatermarks,
  ingestionTime,
  monotonous,
  noWatermarks,
  punctuated,
  watermarkSpec,
  type Watermarks,
} from './watermarks.ts';
import { describeStreamGraph } from '../graph/describe-stream-graph.ts';

interface Click {
  readonly at: number;
}

const time = (click: Click): number => click.at;
const SUBMISSION = { args: [], params: {}, environment: {}, baseDirectory: '/' };

function planOf(watermarks: Watermarks<Click>, isBehind = false) {
  return defineJob('clicks', (env) => {
    const clicks = env.source(fromArray<Click>([{ at: 1 }]));
    (isBehind ? clicks.map((click) => ({ at: click.at })) : clicks).watermarks(watermarks).print();
  }).plan(SUBMISSION);
}

test('strategies are described in the graph with their options in milliseconds', () => {
  const alignment = { group: 'g', maxDrift: '1 minute' } as const;
  const options = { idleAfter: '5 s', maxAhead: '1 hour', onAhead: 'error', alignment } as const;
  const described = (watermarks: Watermarks<Click>) =>
    describeStreamGraph(planOf(watermarks)).nodes[0]?.options['watermarks'];
  expect(described(boundedOutOfOrderness('1 s', time, options))).toEqual({
    kind: 'bounded',
    boundMs: 1_000,
    idleAfterMs: 5_000,
    ahead: { maxMs: 3_600_000, action: 'error' },
    alignment: { group: 'g', maxDriftMs: 60_000 },
  });
  expect(described(monotonous(time, { idleAfter: 'never', maxAhead: 5 }))).toEqual({
    kind: 'bounded',
    boundMs: 0,
    idleAfterMs: null,
    ahead: { maxMs: 5, action: 'hold' },
  });
  expect(described(punctuated(time, () => undefined))).toEqual({ kind: 'custom' });
  expect(described(customWatermarks(time, () => ({ onRecord: () => 1 }), { interval: '1 s' }))).toEqual({
    kind: 'custom',
    intervalMs: 1_000,
  });
  expect(described(ingestionTime())).toEqual({ kind: 'ingestion', idleAfterMs: null });
  expect(described(noWatermarks())).toEqual({ kind: 'none' });
});

test('options that are wrong, unknown or of no use there are refused', () => {
  const refused = (make: () => unknown): void =>
    expect(make).toThrow(expect.objectContaining({ code: 'MR_OPTION_INVALID' }) as Error);
  refused(() => monotonous(time, { idleAfter: 0 }));
  refused(() => monotonous(time, { maxAhead: '-1 s' as never }));
  refused(() => monotonous(time, { onAhead: 'drop' as never }));
  refused(() => monotonous(time, { idle: '1 s' } as never));
  refused(() => monotonous(time, { alignment: { group: '', maxDrift: 1 } }));
  refused(() => customWatermarks(time, 5 as never));
  refused(() => punctuated(time, undefined as never));
  refused(() => watermarkSpec({ kind: 'other' } as never));
  refused(() => planOf(monotonous(time, { alignment: { group: 'g', maxDrift: 1 } }), true));
  refused(() => planOf(monotonous(time, { idleAfter: '1 s' }), true));
  planOf(monotonous(time, { maxAhead: '1 s' }), true);
  planOf(ingestionTime(), true);
});

test('types of records flow into generators, and misuse does not compile', () => {
  defineJob('types', (env) => {
    const clicks = env.source(fromArray([{ at: 1, page: 'home' }]));
    clicks.watermarks(
      punctuated(
        (click) => click.at,
        (click, timestampMs) => (click.page === 'end' ? timestampMs : undefined),
      ),
    );
    clicks
      .map((click) => click)
      .watermarks(
        customWatermarks(
          (click) => click.at,
          () => ({ onRecord: (click, timestampMs) => (click.page === '' ? undefined : timestampMs) }),
        ),
      );
    // @ts-expect-error clicks have no `time`
    clicks.map((click) => click).watermarks(monotonous((click) => click.time));
    // @ts-expect-error a watermark is a number
    const mark: (click: { page: string }) => number | undefined = (click) => click.page;
    clicks.map((click) => ({ page: click.page })).watermarks(punctuated(() => 1, mark));
    clicks.print();
  });
});
