import type { StreamGraphJson } from '@millrace/proto';
import { describe, expect, test } from 'vitest';
import { defineJob } from '../job/define-job.ts';
import type { JobOptions } from '../options/job-options.ts';
import { fromArray } from '../source/from-array.ts';
import { boundedOutOfOrderness } from '../watermark/watermarks.ts';
import { compareStreamGraphs } from './compare-stream-graphs.ts';
import { describeStreamGraph } from './describe-stream-graph.ts';

interface Variation {
  readonly bound?: string;
  readonly withFilter?: boolean;
  readonly parallelism?: number;
  readonly options?: JobOptions;
}

function graphOf({
  bound = '1 s',
  withFilter = false,
  parallelism = 1,
  options = {},
}: Variation): StreamGraphJson {
  const job = defineJob(
    'compared',
    (env) => {
      const source = env.source(fromArray([1])).watermarks(boundedOutOfOrderness(bound, (n) => n));
      (withFilter ? source.filter(() => true) : source.map((n) => n))
        .parallelism(parallelism)
        .print()
        .parallelism(parallelism);
    },
    options,
  );
  return describeStreamGraph(job.plan({ args: [], params: {}, environment: {}, baseDirectory: '/' }));
}

describe('compareStreamGraphs', () => {
  test('takes parallelism, checkpoint and restart options as they come', () => {
    const expected = graphOf({});
    expect(() =>
      compareStreamGraphs(
        expected,
        graphOf({ parallelism: 2, options: { parallelism: 4, checkpoint: false, restart: 'none' } }),
      ),
    ).not.toThrow();
    expect(() =>
      compareStreamGraphs(JSON.parse(JSON.stringify(expected)) as StreamGraphJson, expected),
    ).not.toThrow();
  });

  test('names the first operator and field that differ', () => {
    const mismatch = (variation: Variation, text: string) =>
      expect(() => compareStreamGraphs(graphOf({}), graphOf(variation))).toThrowError(
        expect.objectContaining({ code: 'MR_GRAPH_MISMATCH', message: expect.stringContaining(text) }),
      );
    mismatch(
      { bound: '2 s' },
      'operator 0 "fromArray" differs in options.watermarks.boundMs: submitted 1000, now 2000',
    );
    mismatch({ withFilter: true }, 'operator 1 "map" differs in kind: submitted "map", now "filter"');
    mismatch({ options: { keyGroups: 10 } }, 'job differs in options.keyGroupCount: submitted 720, now 10');
  });
});
