import { expect, test } from 'vitest';
import type { Change } from '../changelog/change.ts';
import { outputTag } from '../function/output-tag.ts';
import { defineJob } from '../job/define-job.ts';
import { fromArray } from '../source/from-array.ts';
import { boundedOutOfOrderness } from '../watermark/watermarks.ts';
import { percolate, type PercolateOptions } from './percolate.ts';
import type { StandingQuery } from './standing-query.ts';

interface Listing {
  readonly title: string;
}
type Options = PercolateOptions<Listing, StandingQuery, unknown>;

function plan(options: Options, hasTime: boolean): void {
  const inTime = boundedOutOfOrderness<unknown>(0, () => 0);
  defineJob('percolate', (env) => {
    const listings = env.source(fromArray<Listing>([]));
    const queries = env.source(fromArray<Change<StandingQuery>>([]));
    const found = hasTime
      ? percolate(listings.watermarks(inTime), queries.watermarks(inTime), options)
      : percolate(listings, queries, options);
    found.print();
  }).plan({ args: [], params: {}, environment: {}, baseDirectory: '/' });
}

test('percolate in event time needs it on both inputs', () => {
  expect(() => plan({ time: 'event' }, true)).not.toThrow();
  expect(() => plan({ time: 'event' }, false)).toThrow(/none reach it on both inputs/u);
});

test('options of percolate that mean nothing are refused', () => {
  const late = outputTag<Listing>('late');
  expect(() => plan({ lateOutput: late }, true)).toThrow(/time: 'event'/u);
  expect(() => plan({ time: 'event', lateOutput: {} as never }, true)).toThrow(/outputTag/u);
  expect(() => plan({ time: 'ingestion' as never }, true)).toThrow(/`time` of percolate/u);
});
